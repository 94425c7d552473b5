import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {until, within} from "../bounded.mjs"
import {noWebSockets} from "../no_websockets.mjs"
import {address, collect, freshRoom, join, openSocket, reply} from "../phoenix.mjs"
import {everybodySees, watch} from "../presence.mjs"
import {newest, versions} from "../versions.mjs"

const CONFORMANCE = address("CONFORMANCE_URL")
/** With a window of ten seconds, for clients that do not wait for the end of one. */
const PATIENT = `${CONFORMANCE}/patient`

/** Opens a socket that polls. */
const poll = (t, name, options = {}, version = newest) =>
  openSocket(t, PATIENT, {transport: version.LongPoll, params: {user_id: name}, ...options}, version)

function polls(version){
  test("join and ping: the reply is the payload", async t => {
    const channel = await join(poll(t, "ann", {}, version), freshRoom("lp-ping"))
    const payload = {hello: "there", n: [1, 2.5, null], text: "Grüße,\n\"世界\""}
    assert.deepEqual(await reply("ping", channel.push("ping", payload)), {status: "ok", response: payload})
  })

  test("shouts reach who polls and who has a WebSocket", async t => {
    const topic = freshRoom("lp-shout")
    const ann = await join(poll(t, "ann", {}, version), topic)
    const bob = await join(openSocket(t, CONFORMANCE, {params: {user_id: "bob"}}), topic)
    const heard = [collect(ann, "shout"), collect(bob, "shout")]
    const sent = Array.from({length: 20}, (_, n) => ({n}))
    for(const payload of sent) ann.push("shout", payload)
    for(const list of heard){
      await until("all shouts", () => list.length >= sent.length, {show: () => `(${list.length} came)`})
      // Old versions send each message in a request of its own, in parallel, and lose the order.
      list.sort((a, b) => a.n - b.n)
      assert.deepEqual(list, sent)
    }
  })

  test("presence: who polls sees others come and go, and is seen", async t => {
    const topic = freshRoom("presence-lp")
    const options = {transport: version.LongPoll}
    const ann = await watch(t, CONFORMANCE, topic, "ann", {phoenix: version, options})
    const bob = await watch(t, CONFORMANCE, topic, "bob")
    await everybodySees([ann, bob], {ann: 1, bob: 1})
    bob.socket.disconnect()
    await everybodySees([ann], {ann: 1})
    const late = await watch(t, CONFORMANCE, topic, "late")
    await everybodySees([ann, late], {ann: 1, late: 1})
    // She no longer polls. The server notices that after one and a half windows.
    ann.socket.disconnect()
    await everybodySees([late], {late: 1})
  })
}

// Without 1.2, which expects the messages in a poll's response as objects. Later versions, and
// Phoenix since then, have them as strings.
const polling = versions.filter(({vsn}) => vsn !== "1.0.0")

// All at once: most of a test's time is spent waiting.
for(const version of polling) describe(`${version.name} by long-polling`, {concurrency: true}, () => polls(version))

test("shouts keep their order, over several of phoenix.js's batches", async t => {
  const channel = await join(poll(t, "ann"), freshRoom("lp-order"))
  const heard = collect(channel, "shout")
  const sent = Array.from({length: 250}, (_, n) => ({n}))
  for(const payload of sent) channel.push("shout", payload)
  await until("all shouts", () => heard.length >= sent.length, {show: () => `(${heard.length} came)`})
  assert.deepEqual(heard, sent)
})

test("a binary payload arrives whole", async t => {
  const channel = await join(poll(t, "ann"), freshRoom("lp-binary"))
  const {response} = await reply("bin_size", channel.push("bin_size", new Uint8Array([0, 255, 10, 128]).buffer))
  assert.deepEqual(response, {size: 4, hex: "00ff0a80"})
})

test("who waits longer than a window stays connected", async t => {
  const options = {transport: newest.LongPoll, params: {user_id: "ann"}}
  const socket = openSocket(t, CONFORMANCE, options)
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
  // Is also called for the earlier join.
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
  assert.equal(socket.transport, newest.LongPoll)
  assert.ok(cut.count > 0)
  const heard = collect(ann, "shout")
  const bob = await join(openSocket(t, CONFORMANCE, {params: {user_id: "bob"}}), topic)
  bob.push("shout", {n: 1})
  await until("the shout", () => heard.length === 1)
  assert.deepEqual(await reply("ping", ann.push("ping", {n: 2})), {status: "ok", response: {n: 2}})
})
