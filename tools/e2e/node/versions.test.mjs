import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {until, within} from "../bounded.mjs"
import {address, collect, freshRoom, join, openSocket, reply} from "../phoenix.mjs"
import {everybodySees, watch} from "../presence.mjs"
import {newest, versions} from "../versions.mjs"

const CONFORMANCE = address("CONFORMANCE_URL")

let users = 0

/** Returns a new user for each test, because a kick disconnects every client of a user. */
const freshUser = () => `user-${process.pid}-${++users}`

const ok = response => ({status: "ok", response})
const refused = reason => ({status: "error", response: {reason}})
const speaksV1 = ({vsn}) => vsn === "1.0.0"
const json = value => () => JSON.stringify(value)

/** Counts distinct metas: 1.2 lists a presence twice if the state and the next diff have it. */
const distinct = (id, {metas}) => [id, new Set(metas.map(({phx_ref}) => phx_ref)).size]

const follow = (t, version, topic, name) =>
  watch(t, CONFORMANCE, topic, name, {phoenix: version, by: speaksV1(version) ? distinct : undefined})

// The tests of these versions by long-polling are in longpoll.test.mjs.
function behavesAsWithPhoenix(version){
  const open = (t, user = freshUser(), options = {}) =>
    openSocket(t, CONFORMANCE, {params: {user_id: user}, ...options}, version)

  test("it connects and speaks its own protocol", async t => {
    const socket = open(t)
    await until("the connection", () => socket.isConnected())
    assert.equal(new URL(socket.endPointURL()).searchParams.get("vsn"), version.vsn)
  })

  test("a refused connection is an error", async t => {
    const socket = open(t, "forbidden", {reconnectAfterMs: () => 60_000})
    const {message} = await within("an error", new Promise(resolve => socket.onError(resolve)))
    assert.match(message, /403/)
    assert.equal(socket.isConnected(), false)
  })

  test("joins are let in or refused, with a reply", async t => {
    const user = freshUser()
    const socket = open(t, user)
    const attempt = (topic, params = {}) => reply(`joining ${topic}`, socket.channel(topic, params).join())
    assert.deepEqual(await attempt(freshRoom("reply")), ok({welcome: user}))
    assert.deepEqual(await attempt("system", {a: [1, {b: null}]}), ok({joined: "system", params: {a: [1, {b: null}]}}))
    assert.deepEqual(await attempt(freshRoom("gate"), {pass: "open"}), ok({}))
    assert.deepEqual(await attempt(freshRoom("gate"), {pass: "none"}), refused("locked"))
    assert.deepEqual(await attempt("nowhere"), refused("unmatched topic"))
  })

  test("pushes get their replies", async t => {
    const socket = open(t)
    const channel = socket.channel(freshRoom("push"), {})
    channel.join()
    // Pushed before the reply to the join, so phoenix.js holds it back until that reply.
    const early = reply("an early push", channel.push("ping", {early: true}))
    assert.deepEqual(await early, ok({early: true}))
    const payload = {hello: "there", n: [1, 2.5, null], text: "Grüße, 世界"}
    assert.deepEqual(await reply("ping", channel.push("ping", payload)), ok(payload))
    assert.deepEqual(await reply("later", channel.push("later", payload)), ok(payload))
    assert.deepEqual(await reply("fail", channel.push("fail", {})), refused("nope"))
    // 1.4 sends null then, others {}.
    assert.deepEqual(await reply("a push without a payload", channel.push("ok")), ok({}))
  })

  test("a broadcast reaches both clients, in order", async t => {
    const topic = freshRoom("shout")
    const [ann, bob] = [await join(open(t), topic), await join(open(t), topic)]
    const heard = [collect(ann, "shout"), collect(bob, "shout")]
    const fromAnn = [collect(ann, "shout_from"), collect(bob, "shout_from")]
    const sent = [{n: 1}, {n: 2}, {n: 3}]
    for(const payload of sent){
      ann.push("shout_from", payload)
      ann.push("shout", payload)
    }
    for(const list of heard){
      await until("three shouts", () => list.length >= 3, {show: json(heard)})
      assert.deepEqual(list, sent)
    }
    assert.deepEqual(fromAnn, [[], sent], "not to their sender")
  })

  test("pushes of the server come before the reply to what caused them", async t => {
    const channel = await join(open(t), freshRoom("pushed"))
    const pushed = collect(channel, "pushed")
    assert.deepEqual(await reply("push_then_reply", channel.push("push_then_reply", {n: 1})), ok({n: 1}))
    assert.deepEqual(pushed, [{n: 1}])
  })

  test("who left hears nothing, and hears again after joining anew", async t => {
    const topic = freshRoom("leave")
    const socket = open(t)
    const other = await join(socket, freshRoom("elsewhere"))
    const bob = await join(open(t), topic)
    const first = await join(socket, topic)
    // All messages of the socket, since a channel that has left handles none.
    const came = []
    socket.onMessage(message => { if(message.topic === topic) came.push(message) })
    const shouts = () => came.filter(({event}) => event === "shout_ok").map(({payload}) => payload)

    const closed = new Promise(resolve => first.onClose(resolve))
    assert.equal((await reply("leave", first.leave())).status, "ok")
    await within("the channel's close", closed)
    // phoenix.js closes the channel at the reply. The server closes it with a message of its own.
    await until("the server's close", () => came.some(({event}) => event === "phx_close"), {show: json(came)})
    assert.deepEqual(await reply("shout_ok", bob.push("shout_ok", {n: 1})), ok({}))
    await reply("ping", other.push("ping", {}))
    assert.deepEqual(shouts(), [])

    const second = await join(socket, topic)
    const heard = collect(second, "shout_ok")
    bob.push("shout_ok", {n: 2})
    await until("a shout after joining anew", () => heard.length > 0)
    assert.deepEqual([heard, shouts()], [[{n: 2}], [{n: 2}]])
  })

  // Old versions let the server close the first channel, newer ones leave it. A V1 client sends no
  // join_ref: the close names the join by its ref.
  test("a second channel on a topic takes the first one's place", async t => {
    const topic = freshRoom("twice")
    const socket = open(t)
    const first = await join(socket, topic)
    const closed = new Promise(resolve => first.onClose(resolve))
    const second = await join(socket, topic)
    await within("the first channel's close", closed)
    assert.deepEqual(await reply("ping", second.push("ping", {n: 1})), ok({n: 1}))
    assert.deepEqual([first.state, second.state], ["closed", "joined"])
  })

  test("a crash is one channel's, and it is joined again", async t => {
    const socket = open(t)
    const mishaps = []
    socket.onClose(() => mishaps.push("the socket was closed"))
    const bystander = await join(socket, freshRoom("bystander"))
    bystander.onError(() => mishaps.push("the other channel crashed"))
    const channel = socket.channel(freshRoom("crashing"), {})
    let joins = 0
    assert.equal((await reply("join", channel.join().receive("ok", () => joins++))).status, "ok")

    const error = new Promise(resolve => channel.onError(resolve))
    channel.push("crash", {})
    await within("the channel's error", error)
    await until("the rejoin", () => joins === 2, {show: () => `(${channel.state})`})
    assert.deepEqual(await reply("ping", channel.push("ping", {n: 1})), ok({n: 1}))
    assert.deepEqual(await reply("ping", bystander.push("ping", {n: 2})), ok({n: 2}))
    assert.deepEqual(mishaps, [])
  })

  test("heartbeats are answered", async t => {
    const socket = open(t, freshUser(), {heartbeatIntervalMs: 400})
    const answers = []
    socket.onMessage(({topic, event, payload}) => { if(topic === "phoenix") answers.push({event, payload}) })
    await until("two heartbeats' answers", () => answers.length >= 2)
    assert.deepEqual(answers[1], {event: "phx_reply", payload: ok({})})
  })

  test("presences: state, joins, an update, leaves", async t => {
    const topic = freshRoom("presence")
    const first = await follow(t, version, topic, "Alice")
    await everybodySees([first], {Alice: 1})
    const second = await follow(t, version, topic, "Alice")
    const bob = await follow(t, version, topic, "Bob")
    await everybodySees([first, second, bob], {Alice: 2, Bob: 1})

    const diffs = collect(first.channel, "presence_diff")
    const {status} = await reply("update", bob.channel.push("update", {key: "Bob", meta: {away: true}}))
    assert.equal(status, "ok")
    const isUpdate = ({joins}) => joins.Bob?.metas.at(-1).away
    const {joins, leaves} = await until("the update's diff", () => diffs.find(isUpdate), {show: json(diffs)})
    assert.equal(joins.Bob.metas.at(-1).phx_ref_prev, leaves.Bob.metas[0].phx_ref)
    await everybodySees([first, second, bob], {Alice: 2, Bob: 1})

    assert.equal((await reply("leave", second.channel.leave())).status, "ok")
    await everybodySees([first, bob], {Alice: 1, Bob: 1})
    await within("the socket to close", new Promise(closed => first.socket.disconnect(closed)))
    await everybodySees([bob], {Bob: 1})
  })

  test("who disconnects is gone, and may connect and join again", async t => {
    const topic = freshRoom("presence-again")
    const bob = await follow(t, version, topic, "Bob")
    const {socket, channel} = await follow(t, version, topic, "Alice")
    await everybodySees([bob], {Alice: 1, Bob: 1})
    await within("the socket to close", new Promise(closed => socket.disconnect(closed)))
    await everybodySees([bob], {Bob: 1})

    // Sent after the socket has reconnected, for a channel that the server no longer knows.
    channel.leave()
    socket.connect()
    await join(socket, topic)
    await everybodySees([bob], {Alice: 1, Bob: 1})
  })

  test("who is cut off connects and joins by itself, and sees who is there", async t => {
    const topic = freshRoom("presence-cut")
    const bob = await follow(t, version, topic, "Bob")
    const alice = await follow(t, version, topic, "Alice")
    await everybodySees([alice, bob], {Alice: 1, Bob: 1})
    let rejoins = 0
    alice.channel.on("presence_state", () => rejoins++)
    // Disconnects without a close frame.
    alice.socket.conn.terminate()
    await until("the rejoin", () => rejoins === 1, {show: () => `(${alice.channel.state})`})
    await everybodySees([alice, bob], {Alice: 1, Bob: 1})
    assert.deepEqual(await reply("ping", alice.channel.push("ping", {n: 1})), ok({n: 1}))
  })

  test("who is kicked is closed, and comes back by itself", async t => {
    const user = freshUser()
    const socket = open(t, user)
    const channel = socket.channel(freshRoom("kicked"), {})
    let joins = 0
    assert.equal((await reply("join", channel.join().receive("ok", () => joins++))).status, "ok")
    const closed = new Promise(resolve => socket.onClose(resolve))
    const admin = await join(open(t), freshRoom("admin"))
    assert.deepEqual(await reply("kick", admin.push("kick", {id: user})), ok({}))
    assert.equal((await within("the close", closed)).code, 1001)
    await until("the rejoin", () => joins === 2, {show: () => `(${channel.state})`})
    assert.deepEqual(await reply("ping", channel.push("ping", {n: 1})), ok({n: 1}))
  })

  if(version.binary) test("binary payloads go both ways", async t => {
    const topic = freshRoom("binary")
    const [ann, bob] = [await join(open(t), topic), await join(open(t), topic)]
    for(const bytes of [Uint8Array.from({length: 256}, (_, n) => n), new Uint8Array()]){
      const expected = ok({size: bytes.length, hex: Buffer.from(bytes).toString("hex")})
      assert.deepEqual(await reply("bin_size", ann.push("bin_size", bytes.buffer)), expected)
      const echo = await reply("bin", ann.push("bin", bytes.buffer))
      assert.deepEqual(echo, ok(bytes.buffer))

      const heard = [ann, bob].map(channel => collect(channel, "bin_shout"))
      const pushed = collect(ann, "bin_pushed")
      ann.push("bin_push", bytes.buffer)
      ann.push("bin_shout", bytes.buffer)
      await until("the broadcast", () => heard.every(list => list.length > 0))
      assert.deepEqual([...heard, pushed], Array(3).fill([bytes.buffer]))
    }
  })
}

// All at once: most of a test's time is spent waiting.
describe("phoenix.js", {concurrency: true}, () => {
  for(const version of versions){
    describe(`${version.name} over WebSocket`, {concurrency: true}, () => behavesAsWithPhoenix(version))
  }

  test("all versions in one room hear and see each other", async t => {
    const topic = freshRoom("presence-mixed")
    const watchers = []
    for(const version of versions) watchers.push(await follow(t, version, topic, version.name))
    await everybodySees(watchers, Object.fromEntries(versions.map(({name}) => [name, 1])))
    const heard = watchers.map(({channel}) => collect(channel, "shout"))
    const sent = []
    for(const {name, channel} of watchers){
      sent.push({from: name})
      channel.push("shout", {from: name})
      await until(`${name}'s shout`, () => heard.every(list => list.length === sent.length), {show: json(heard)})
    }
    for(const list of heard) assert.deepEqual(list, sent)
  })

  test("a binary broadcast passes by a V1 client, which hears the next one", async t => {
    const topic = freshRoom("binary-mixed")
    const connect = version => openSocket(t, CONFORMANCE, {params: {user_id: freshUser()}}, version)
    const [old, ann] = [await join(connect(versions.find(speaksV1)), topic), await join(connect(newest), topic)]
    const mishaps = []
    old.onError(() => mishaps.push("the V1 client's channel crashed"))
    const heard = [collect(old, "bin_shout"), collect(ann, "bin_shout"), collect(old, "shout")]
    ann.push("bin_shout", new ArrayBuffer(8))
    ann.push("shout", {n: 1})
    await until("what each can hear", () => heard[1].length > 0 && heard[2].length > 0, {show: json(heard)})
    assert.deepEqual(heard, [[], [new ArrayBuffer(8)], [{n: 1}]])
    assert.deepEqual(mishaps, [])
  })
})
