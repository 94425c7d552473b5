// A room whose list takes many messages, for all versions of phoenix.js, while users come and go.
import assert from "node:assert/strict"
import {test} from "node:test"
import {PATIENCE_MS, until} from "../bounded.mjs"
import {address, freshRoom, join, openSocket, reply} from "../phoenix.mjs"
import {everybodySees} from "../presence.mjs"
import {newest, versions} from "../versions.mjs"

const CONFORMANCE = address("CONFORMANCE_URL")
/** Where a poll may be late: this process reads the list of all members, one after the other. */
const PATIENT = `${CONFORMANCE}/patient`

/** The time in milliseconds that phoenix.js waits for a reply, for the same reason. */
const timeout = PATIENCE_MS

/** The most bytes of JSON of one message's payload. */
const LIMIT = 256 * 1024
/** The users who stay, each with a meta of 10 KiB: 1.5 MB. */
const USERS = 150
const MORE = "x".repeat(10 * 1024)

const count = (key, {metas}) => [key, metas.length]
const isHere = key => [key, true]

/** 1.2 counts a meta twice that joins twice, as its user does in a part of the list and in a diff. */
const shows = ({vsn}) => vsn === "1.0.0" ? isHere : count

/**
 * Joins as `name` and follows the presences in all ways of `phoenix`, as `watch` of presence.mjs.
 * `parts` gets the event and the size of each list message.
 */
async function member(t, topic, name, phoenix, options = {}){
  const socket = openSocket(t, PATIENT, {params: {user_id: name}, timeout, ...options}, phoenix)
  const ends = []
  socket.onClose(() => ends.push("closed"))
  const channel = socket.channel(topic, {})
  channel.onError(reason => ends.push(`error ${JSON.stringify(reason)}`))
  const shown = {}, sizes = [], lists = []
  for(const event of ["presence_state", "presence_diff"]) channel.on(event, payload => {
    sizes.push(Buffer.byteLength(JSON.stringify(payload)))
    if(event === "presence_state") lists.push([])
    else if(lists.length > 0 && Object.keys(payload.leaves).length === 0 && Object.keys(payload.joins).length > 3) lists.at(-1).push(event)
  })
  if(phoenix.presence.includes("older")){
    let state = {}
    const show = next => { state = next; shown.older = Object.fromEntries(phoenix.Presence.list(state, shows(phoenix))) }
    channel.on("presence_state", list => show(phoenix.Presence.syncState(state, structuredClone(list))))
    channel.on("presence_diff", diff => show(phoenix.Presence.syncDiff(state, structuredClone(diff))))
  }
  if(phoenix.presence.includes("newer")){
    const presence = new phoenix.Presence(channel)
    presence.onSync(() => { shown.newer = Object.fromEntries(presence.list(shows(phoenix))) })
  }
  const {status, response} = await reply(`joining ${topic}`, channel.join())
  assert.equal(status, "ok", JSON.stringify(response))
  return {name, phoenix, socket, channel, ways: phoenix.presence, shown, sizes, lists, ends}
}

async function ok(channel, event, payload){
  const {status, response} = await reply(event, channel.push(event, payload))
  assert.equal(status, "ok", JSON.stringify(response))
  return response
}

test("a list in many messages ends with the truth for every version, whatever comes and goes", async t => {
  const topic = freshRoom("extra-big")
  const fill = await join(openSocket(t, CONFORMANCE, {params: {user_id: "fill"}, timeout}), topic)
  for(let user = 0; user < USERS; user++) await ok(fill, "track", {key: `user${user}`, meta: {more: MORE}})

  let isOver = false
  const churn = async () => {
    const channel = await join(openSocket(t, CONFORMANCE, {params: {user_id: "churn"}, timeout}), topic)
    for(let turn = 0; !isOver; turn++){
      // Over all of the list: some of those who stay have a second meta for a while.
      await ok(channel, "track", {key: `user${turn * 7 % (2 * USERS)}`, meta: {turn}})
      if(turn >= 20) await ok(channel, "untrack", {key: `user${(turn - 20) * 7 % (2 * USERS)}`})
    }
  }
  const churned = churn()

  const joins = []
  for(const phoenix of versions){
    joins.push(member(t, topic, `${phoenix.name} ws`, phoenix))
    // 1.2 expects the messages of a poll in another form.
    if(phoenix.vsn !== "1.0.0") joins.push(member(t, topic, `${phoenix.name} lp`, phoenix, {transport: phoenix.LongPoll}))
  }
  const members = await Promise.all(joins)
  const hasList = ({lists}) => lists.at(-1)?.length >= 4
  await until("all lists", () => members.every(hasList), {show: () => JSON.stringify(members.map(({name, lists}) => [name, lists.length, lists.at(-1)?.length]))})

  // One keeps its list over a new connection, and gets the whole again.
  const back = members.find(({name}) => name === `${newest.name} ws`)
  back.socket.conn.terminate()
  await until("the list again", () => back.lists.length === 2 && hasList(back))
  isOver = true
  await churned

  const list = await ok(fill, "list", {})
  assert.ok(Object.keys(list).length > USERS)
  for(const member of members){
    const truth = Object.entries(list).map(([key, entry]) => shows(member.phoenix)(key, entry))
    await everybodySees([member], Object.fromEntries(truth))
  }
  for(const {name, sizes, lists, ends} of members){
    assert.ok(Math.max(...sizes) <= LIMIT, `${name}: a message of ${Math.max(...sizes)} bytes`)
    assert.equal(lists.length, name === back.name ? 2 : 1, `${name} was not closed`)
    if(name !== back.name) assert.deepEqual(ends, [], name)
  }
})
