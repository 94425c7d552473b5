import assert from "node:assert/strict"
import {test} from "node:test"
import {Presence} from "phoenix"
import {until} from "../bounded.mjs"
import {address, collect, freshRoom, openSocket, reply} from "../phoenix.mjs"

const HELLO = address("HELLO_URL")

/** Joins as `name`, following the presences both ways that phoenix.js offers. */
async function watch(t, topic, name){
  const socket = openSocket(t, HELLO, {params: {user_id: name}})
  const channel = socket.channel(topic, {})
  const presence = new Presence(channel)
  let older = {}
  channel.on("presence_state", state => { older = Presence.syncState(older, state) })
  channel.on("presence_diff", diff => { older = Presence.syncDiff(older, diff) })
  const {status} = await reply(`joining ${topic}`, channel.join())
  assert.equal(status, "ok")
  const count = (id, {metas}) => [id, metas.length]
  return {
    name, socket, channel,
    newer: () => Object.fromEntries(presence.list(count)),
    older: () => Object.fromEntries(Presence.list(older, count)),
  }
}

async function everybodySees(watchers, expected){
  for(const watcher of watchers) for(const way of ["newer", "older"]){
    const fits = () => { try { assert.deepEqual(watcher[way](), expected); return true } catch { return false } }
    await until(`${watcher.name} to see ${JSON.stringify(expected)}`, fits,
      {show: () => `(${way} API shows ${JSON.stringify(watcher[way]())})`})
  }
}

test("counts go up and down for everybody, in both of phoenix.js's ways", async t => {
  const topic = freshRoom("presence")
  const first = await watch(t, topic, "Alice")
  await everybodySees([first], {Alice: 1})
  const second = await watch(t, topic, "Alice")
  const bob = await watch(t, topic, "Bob")
  await everybodySees([first, second, bob], {Alice: 2, Bob: 1})

  assert.equal((await reply("leave", second.channel.leave())).status, "ok")
  await everybodySees([first, bob], {Alice: 1, Bob: 1})

  // Cut off, without a close frame.
  first.socket.conn.terminate()
  first.socket.disconnect()
  await everybodySees([bob], {Bob: 1})
})

test("a presence carries its meta and a phx_ref", async t => {
  const topic = freshRoom("meta")
  const ann = await watch(t, topic, "ann")
  await everybodySees([ann], {ann: 1})
  // Her own diff may still be under way.
  const diffs = collect(ann.channel, "presence_diff")
  await watch(t, topic, "bob")
  const diff = await until("bob's diff", () => diffs.find(({joins}) => joins.bob), {show: () => JSON.stringify(diffs)})
  const [meta, ...others] = diff.joins.bob.metas
  assert.deepEqual(others, [])
  assert.match(meta.online_at, /^\d+$/)
  assert.equal(typeof meta.phx_ref, "string")
  assert.notEqual(meta.phx_ref, "")
})
