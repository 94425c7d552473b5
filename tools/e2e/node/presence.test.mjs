import assert from "node:assert/strict"
import {test} from "node:test"
import {until} from "../bounded.mjs"
import {address, collect, freshRoom, reply} from "../phoenix.mjs"
import {everybodySees, watch} from "../presence.mjs"

const HELLO = address("HELLO_URL")

test("counts go up and down for everybody, in both of phoenix.js's ways", async t => {
  const topic = freshRoom("presence")
  const first = await watch(t, HELLO, topic, "Alice")
  await everybodySees([first], {Alice: 1})
  const second = await watch(t, HELLO, topic, "Alice")
  const bob = await watch(t, HELLO, topic, "Bob")
  await everybodySees([first, second, bob], {Alice: 2, Bob: 1})

  assert.equal((await reply("leave", second.channel.leave())).status, "ok")
  await everybodySees([first, bob], {Alice: 1, Bob: 1})

  // Disconnects without a close frame.
  first.socket.conn.terminate()
  first.socket.disconnect()
  await everybodySees([bob], {Bob: 1})
})

test("a presence carries its meta and a phx_ref", async t => {
  const topic = freshRoom("meta")
  const ann = await watch(t, HELLO, topic, "ann")
  await everybodySees([ann], {ann: 1})
  // The diff of her own join may not have arrived yet.
  const diffs = collect(ann.channel, "presence_diff")
  await watch(t, HELLO, topic, "bob")
  const diff = await until("bob's diff", () => diffs.find(({joins}) => joins.bob), {show: () => JSON.stringify(diffs)})
  const [meta, ...others] = diff.joins.bob.metas
  assert.deepEqual(others, [])
  assert.match(meta.online_at, /^\d+$/)
  assert.equal(typeof meta.phx_ref, "string")
  assert.notEqual(meta.phx_ref, "")
})
