// Members that watch a presence in full, by its count, or not at all.
import assert from "node:assert/strict"
import {test} from "node:test"
import {until} from "../bounded.mjs"
import {address, collect, freshRoom, openSocket, reply} from "../phoenix.mjs"

const CONFORMANCE = address("CONFORMANCE_URL")

/** Joins as `name` with these params, and collects what comes of the presence. */
async function member(t, topic, name, params){
  const socket = openSocket(t, CONFORMANCE, {params: {user_id: name}})
  const channel = socket.channel(topic, params)
  const events = Object.fromEntries(
    ["presence_state", "presence_diff", "presence_count"].map(event => [event, collect(channel, event)]))
  const joined = await reply(`joining ${topic}`, channel.join())
  return {channel, events, joined}
}

const count = ({events}, wanted) => until(`a count of ${wanted}`,
  () => events.presence_count.at(-1)?.count === wanted, {show: () => JSON.stringify(events.presence_count)})

test("a member counts, another lists, a third does neither", async t => {
  const topic = freshRoom("extra-count")
  const counts = await member(t, topic, "ann", {presence: "count"})
  await count(counts, 1)
  const silent = await member(t, topic, "bob", {presence: "none"})
  const lists = await member(t, topic, "cid", {})
  await count(counts, 3)
  await until("the list", () => lists.events.presence_state.length === 1)
  assert.equal((await reply("leave", silent.channel.leave())).status, "ok")
  await count(counts, 2)
  await until("bob's leave", () => lists.events.presence_diff.some(({leaves}) => leaves.bob))

  assert.deepEqual([counts.events.presence_diff, counts.events.presence_state], [[], []])
  for(const event of Object.values(silent.events)) assert.deepEqual(event, [])
  assert.deepEqual(lists.events.presence_count, [])
})

test("another wish is refused with a reason", async t => {
  const {joined} = await member(t, freshRoom("extra-count"), "ann", {presence: "all"})
  assert.equal(joined.status, "error")
  assert.match(joined.response.reason, /presence must be/)
})
