import assert from "node:assert/strict"
import {test} from "node:test"
import {until} from "../bounded.mjs"
import {address, freshRoom, join, openSocket, reply} from "../phoenix.mjs"

const HELLO = address("HELLO_URL")

/** Phoenix's limit on channels of one socket. */
const MOST_CHANNELS = 100

test("the 101st channel is refused, and let in once another has left", async t => {
  const socket = openSocket(t, HELLO, {params: {user_id: "ann"}})
  const topics = Array.from({length: MOST_CHANNELS}, (_, n) => freshRoom(`many-${n}`))
  const channels = await Promise.all(topics.map(topic => join(socket, topic)))

  const extra = socket.channel(freshRoom("one-too-many"), {})
  const push = extra.join()
  assert.deepEqual(await reply("the 101st join", push), {status: "error", response: {reason: "too many channels joined"}})
  assert.equal((await reply("shout", channels[0].push("shout", {body: "hi"}))).status, "ok", "the first 100 live on")

  assert.equal((await reply("leave", channels[0].leave())).status, "ok")
  // phoenix.js tries a refused join again by itself.
  await until("the refused channel to be joined", () => extra.state === "joined", {show: () => `(${extra.state})`})
})
