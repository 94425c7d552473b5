import assert from "node:assert/strict"
import {test} from "node:test"
import {LongPoll, Presence} from "phoenix"
import {until, within} from "../bounded.mjs"
import {noWebSockets} from "../no_websockets.mjs"
import {address, collect, freshRoom, join, openSocket, reply} from "../phoenix.mjs"

const CONFORMANCE = address("CONFORMANCE_URL")

/** A socket that polls. */
const poll = (t, name, options = {}) => openSocket(t, CONFORMANCE, {transport: LongPoll, params: {user_id: name}, ...options})

test("join and ping: the reply is the payload", async t => {
  const channel = await join(poll(t, "ann"), freshRoom("lp-ping"))
  const payload = {hello: "there", n: [1, 2.5, null], text: "Grüße,\n\"世界\""}
  assert.deepEqual(await reply("ping", channel.push("ping", payload)), {status: "ok", response: payload})
})

test("shouts reach who polls and who has a WebSocket, in order", async t => {
  const topic = freshRoom("lp-shout")
  const ann = await join(poll(t, "ann"), topic)
  const bob = await join(openSocket(t, CONFORMANCE, {params: {user_id: "bob"}}), topic)
  const heard = [collect(ann, "shout"), collect(bob, "shout")]
  // More than one of phoenix.js's batches.
  const sent = Array.from({length: 250}, (_, n) => ({n}))
  for(const payload of sent) ann.push("shout", payload)
  for(const list of heard){
    await until("all shouts", () => list.length >= sent.length, {show: () => `(${list.length} came)`})
    assert.deepEqual(list, sent)
  }
})

test("a binary payload arrives whole", async t => {
  const channel = await join(poll(t, "ann"), freshRoom("lp-binary"))
  const {response} = await reply("bin_size", channel.push("bin_size", new Uint8Array([0, 255, 10, 128]).buffer))
  assert.deepEqual(response, {size: 4, hex: "00ff0a80"})
})

test("presence: who polls sees others come and go, and is seen", async t => {
  const topic = freshRoom("presence-lp")
  const [ann, bob] = [poll(t, "ann"), openSocket(t, CONFORMANCE, {params: {user_id: "bob"}})]
  const watch = async socket => {
    const channel = socket.channel(topic, {})
    const presence = new Presence(channel)
    assert.equal((await reply("the join", channel.join())).status, "ok")
    return () => presence.list(id => id).sort().join()
  }
  const [ann_sees, bob_sees] = [await watch(ann), await watch(bob)]
  for(const sees of [ann_sees, bob_sees]) await until("both", () => sees() === "ann,bob", {show: sees})
  bob.disconnect()
  await until("bob to leave", () => ann_sees() === "ann", {show: ann_sees})
  const late = await watch(openSocket(t, CONFORMANCE, {params: {user_id: "late"}}))
  await until("ann and the latecomer", () => late() === "ann,late", {show: late})
  // She polls no more: nobody says so, but after one and a half windows it is noticed.
  ann.disconnect()
  await until("ann to leave", () => late() === "late", {show: late})
})

test("who waits longer than a window stays connected", async t => {
  const socket = poll(t, "ann")
  let closed = 0
  socket.onClose(() => closed++)
  const channel = await join(socket, freshRoom("lp-quiet"))
  await new Promise(resolve => setTimeout(resolve, 3_500))
  assert.equal((await reply("ping", channel.push("ping", {}))).status, "ok")
  assert.equal(closed, 0)
})

test("who is kicked comes back by itself", async t => {
  const topic = freshRoom("lp-kick")
  const kicked = await join(poll(t, "lp-kicked"), topic)
  let joins = 0
  // Called for the join that has been, too.
  kicked.joinPush.receive("ok", () => joins++)
  const other = await join(openSocket(t, CONFORMANCE, {params: {user_id: "bob"}}), topic)
  const heard = collect(kicked, "shout")
  assert.equal((await reply("kick", other.push("kick", {id: "lp-kicked"}))).status, "ok")
  await until("the kicked one to join again", () => joins === 2, {show: () => `(${kicked.state})`})
  other.push("shout", {n: 1})
  await until("a shout", () => heard.length === 1)
})

test("a refused user is told so", async t => {
  const socket = poll(t, "forbidden", {reconnectAfterMs: () => 60_000})
  assert.equal(await within("an error", new Promise(resolve => socket.onError(resolve))), 403)
})

test("where no WebSocket comes through, phoenix.js falls back", async t => {
  const {url, cut} = await noWebSockets(t, CONFORMANCE)
  const memory = {getItem: () => null, setItem: () => {}}
  const socket = openSocket(t, url, {params: {user_id: "ann"}, longPollFallbackMs: 1_000, sessionStorage: memory})
  const topic = freshRoom("lp-fallback")
  const ann = await join(socket, topic)
  assert.equal(socket.transport, LongPoll)
  assert.ok(cut.count > 0)
  const heard = collect(ann, "shout")
  const bob = await join(openSocket(t, CONFORMANCE, {params: {user_id: "bob"}}), topic)
  bob.push("shout", {n: 1})
  await until("the shout", () => heard.length === 1)
  assert.deepEqual(await reply("ping", ann.push("ping", {n: 2})), {status: "ok", response: {n: 2}})
})
