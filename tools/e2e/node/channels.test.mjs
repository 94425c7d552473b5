import assert from "node:assert/strict"
import {test} from "node:test"
import {until, within} from "../bounded.mjs"
import {address, collect, freshRoom, join, openSocket, reply} from "../phoenix.mjs"

const HELLO = address("HELLO_URL")
const CONFORMANCE = address("CONFORMANCE_URL")
const as = name => ({params: {user_id: name}})

test("join and ping: the reply is the payload", async t => {
  const channel = await join(openSocket(t, CONFORMANCE, as("ann")), freshRoom("ping"))
  const payload = {hello: "there", n: [1, 2.5, null], text: "Grüße, 世界"}
  assert.deepEqual(await reply("ping", channel.push("ping", payload)), {status: "ok", response: payload})
})

test("a shout reaches both clients, the sender too, in order", async t => {
  const topic = freshRoom("shout")
  const ann = await join(openSocket(t, HELLO, as("ann")), topic)
  const bob = await join(openSocket(t, HELLO, as("bob")), topic)
  const heard = [collect(ann, "shout"), collect(bob, "shout")]
  const bodies = ["one", "two", "three"]
  // The server names the sender, and takes no other fields.
  for(const body of bodies) ann.push("shout", {body, user_id: "bob", more: 1})
  const sent = bodies.map(body => ({user_id: "ann", body}))
  for(const list of heard){
    await until("three shouts", () => list.length >= 3, {show: () => JSON.stringify(list)})
    assert.deepEqual(list, sent)
  }
})

test("a shout stays in its room", async t => {
  const socket = openSocket(t, HELLO, as("ann"))
  const here = await join(socket, freshRoom("here"))
  const there = await join(socket, freshRoom("there"))
  const [heardHere, heardThere] = [collect(here, "shout"), collect(there, "shout")]
  here.push("shout", {body: "here"})
  await until("the shout", () => heardHere.length === 1)
  // One connection: what had been sent before this reply would be here.
  await reply("a shout", there.push("shout", {body: "there"}))
  assert.deepEqual(heardThere.map(({body}) => body), ["there"])
})

test("who left hears nothing, and hears again after rejoining", async t => {
  const topic = freshRoom("leave")
  const socket = openSocket(t, HELLO, as("ann"))
  const other = await join(socket, freshRoom("elsewhere"))
  const bob = await join(openSocket(t, HELLO, as("bob")), topic)
  const heardByBob = collect(bob, "shout")
  const first = await join(socket, topic)
  const heardBefore = collect(first, "shout")

  const closed = new Promise(resolve => first.onClose(resolve))
  assert.equal((await reply("leave", first.leave())).status, "ok")
  await within("the channel's close", closed)
  bob.push("shout", {body: "one"})
  await until("bob's own shout", () => heardByBob.length === 1)
  await reply("a shout", other.push("shout", {body: "elsewhere"}))
  assert.deepEqual(heardBefore, [])

  const second = await join(socket, topic)
  const heardAfter = collect(second, "shout")
  bob.push("shout", {body: "two"})
  await until("a shout after rejoining", () => heardAfter.length > 0)
  assert.deepEqual(heardAfter, [{user_id: "bob", body: "two"}])
})

test("the heartbeat is answered", async t => {
  const socket = openSocket(t, HELLO, as("ann"))
  await until("the connection", () => socket.isConnected())
  await within("the heartbeat's reply", new Promise(resolve => assert.ok(socket.ping(resolve))))
})

test("a user without a name is not let in", async t => {
  const socket = openSocket(t, HELLO, {params: {}, reconnectAfterMs: () => 60_000})
  const error = await within("an error", new Promise(resolve => socket.onError(resolve)))
  assert.match(error.message, /403/)
})
