// Presences of connections that are lost, in rooms with a grace.
import assert from "node:assert/strict"
import {test} from "node:test"
import {until} from "../bounded.mjs"
import {address, collect, freshRoom, openSocket, reply} from "../phoenix.mjs"
import {everybodySees, watch} from "../presence.mjs"
import {relayTo} from "../relay.mjs"
import {newest} from "../versions.mjs"

const CONFORMANCE = address("CONFORMANCE_URL")

/** A phone that loses the network with each cut, and connects again `after` so many milliseconds. */
async function phone(t, topic, {after = 20, ...options} = {}){
  const relay = await relayTo(t, CONFORMANCE)
  const socket = openSocket(t, relay.address,
    {params: {user_id: "ann"}, reconnectAfterMs: () => after, ...options})
  const channel = socket.channel(topic, {})
  const joins = collect(channel, "presence_state")
  await reply(`joining ${topic}`, channel.join())
  await until("the first state", () => joins.length === 1)
  return {channel, cut: relay.cut, joins, socket}
}

/** Bob, who watches the room, with all diffs that tell of Ann. */
async function bystander(t, topic){
  const bob = await watch(t, CONFORMANCE, topic, "bob")
  const diffs = []
  bob.channel.on("presence_diff", diff => {
    if(diff.joins.ann || diff.leaves.ann) diffs.push(structuredClone(diff))
  })
  return {...bob, diffs}
}

async function drops(t, times, options){
  const topic = freshRoom("extra-grace")
  const bob = await bystander(t, topic)
  const ann = await phone(t, topic, options)
  await everybodySees([bob], {ann: 1, bob: 1})
  await until("ann's diff", () => bob.diffs.length === 1)
  for(let drop = 1; drop <= times; drop++){
    ann.cut()
    await until(`return ${drop}`, () => ann.joins.length === drop + 1)
    await until(`diff ${drop}`, () => bob.diffs.length >= drop + 1, {show: () => JSON.stringify(bob.diffs)})
    await everybodySees([bob], {ann: 1, bob: 1})
  }
  // One diff each: the new meta joins, and the old one leaves.
  const [, ...diffs] = bob.diffs
  assert.equal(diffs.length, times, JSON.stringify(diffs))
  let before = bob.diffs[0].joins.ann.metas[0].phx_ref
  for(const {joins, leaves} of diffs){
    assert.deepEqual([Object.keys(joins), Object.keys(leaves)], [["ann"], ["ann"]])
    assert.deepEqual(leaves.ann.metas.map(meta => meta.phx_ref), [before])
    assert.equal(joins.ann.metas.length, 1)
    before = joins.ann.metas[0].phx_ref
  }
  return {ann, bob}
}

test("a phone that drops twenty times is never gone", async t => {
  const {ann, bob} = await drops(t, 20)
  // The grace ends where nobody comes back.
  ann.socket.reconnectTimer.timerCalc = () => 1e9
  ann.cut()
  await until("ann's leave", () => bob.diffs.at(-1).leaves.ann && !bob.diffs.at(-1).joins.ann)
  await everybodySees([bob], {bob: 1})
})

test("a phone that drops over long-polling is never gone", async t => {
  await drops(t, 3, {after: 1_500, transport: newest.LongPoll})
})

test("without a grace, a phone that drops leaves and comes back", async t => {
  const topic = freshRoom("presence")
  const bob = await bystander(t, topic)
  const ann = await phone(t, topic, {after: 200})
  await everybodySees([bob], {ann: 1, bob: 1})
  for(let drop = 1; drop <= 3; drop++){
    ann.cut()
    await until(`return ${drop}`, () => ann.joins.length === drop + 1)
    await until(`two diffs of drop ${drop}`, () => bob.diffs.length === 1 + 2 * drop)
  }
  const [, ...diffs] = bob.diffs
  const sides = diffs.map(({joins, leaves}) => [Object.keys(joins), Object.keys(leaves)])
  assert.deepEqual(sides, Array(3).fill([[[], ["ann"]], [["ann"], []]]).flat())
})

test("who closes the connection, leaves, or is disconnected, goes at once", async t => {
  const topic = freshRoom("extra-grace")
  const bob = await bystander(t, topic)
  const ends = {
    close: ({socket}) => socket.disconnect(),
    leave: ({channel}) => channel.leave(),
    disconnect: ({channel, socket}) => {
      socket.reconnectTimer.timerCalc = () => 1e9
      channel.push("kick", {id: "ann"})
    },
  }
  for(const [name, end] of Object.entries(ends)){
    const ann = await phone(t, topic)
    await everybodySees([bob], {ann: 1, bob: 1})
    const [before, begun] = [bob.diffs.length, Date.now()]
    end(ann)
    await until(`the end by ${name}`, () => bob.diffs.slice(before).some(({leaves}) => leaves.ann))
    // Well before the grace of two seconds.
    assert.ok(Date.now() - begun < 1_900, `${name}: ${Date.now() - begun} ms`)
    ann.socket.disconnect()
  }
})

test("a handler that crashes does not take its user out of the room", async t => {
  const topic = freshRoom("extra-grace")
  const bob = await bystander(t, topic)
  const ann = await phone(t, topic)
  await everybodySees([bob], {ann: 1, bob: 1})
  const before = bob.diffs.length
  ann.channel.push("crash", {})
  await until("ann's return", () => ann.joins.length === 2)
  await until("a diff", () => bob.diffs.length > before)
  const diff = bob.diffs[before]
  assert.deepEqual([Object.keys(diff.joins), Object.keys(diff.leaves)], [["ann"], ["ann"]])
})
