import assert from "node:assert/strict"
import {test} from "node:test"
import {until, within} from "../bounded.mjs"
import {address, freshRoom, join, openSocket, reply} from "../phoenix.mjs"

// Its channels crash on request.
const CONFORMANCE = address("CONFORMANCE_URL")

test("a crash is one channel's: phoenix.js rejoins it, the others and the socket live on", async t => {
  const socket = openSocket(t, CONFORMANCE, {params: {user_id: "ann"}})
  const mishaps = []
  socket.onClose(() => mishaps.push("the socket was closed"))
  const bystander = await join(socket, freshRoom("bystander"))
  bystander.onError(() => mishaps.push("the other channel crashed"))
  const topic = freshRoom("crashing")
  const channel = socket.channel(topic, {})
  let joins = 0
  const first = reply("join", channel.join().receive("ok", () => joins++))
  assert.equal((await first).status, "ok")

  const error = new Promise(resolve => channel.onError(resolve))
  channel.push("crash", {})
  await within("the channel's error", error)
  await until("phoenix.js to rejoin", () => joins === 2, {show: () => `(${channel.state})`})

  assert.deepEqual(await reply("ping", channel.push("ping", {n: 1})), {status: "ok", response: {n: 1}})
  assert.deepEqual(await reply("ping", bystander.push("ping", {n: 2})), {status: "ok", response: {n: 2}})
  assert.deepEqual(mishaps, [])
})
