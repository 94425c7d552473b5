// Clients that follow a room's presences in both ways of phoenix.js.
import assert from "node:assert/strict"
import {isDeepStrictEqual} from "node:util"
import {until} from "./bounded.mjs"
import {openSocket, reply} from "./phoenix.mjs"
import {newest} from "./versions.mjs"

const count = (id, {metas}) => [id, metas.length]

/**
 * Joins `topic` as `name` and follows its presences: "newer" with a Presence of the channel,
 * "older" with the functions for state and diff. `phoenix` is the version to use, which has one way
 * or both. `options` are passed to its Socket.
 */
export async function watch(t, url, topic, name, {phoenix = newest, by = count, options = {}} = {}){
  const {Presence, presence: ways} = phoenix
  const socket = openSocket(t, url, {params: {user_id: name}, ...options}, phoenix)
  const channel = socket.channel(topic, {})
  const shown = {}
  if(ways.includes("older")){
    let state = {}
    const show = next => { state = next; shown.older = Object.fromEntries(Presence.list(state, by)) }
    // Old versions change their arguments, and the newer way gets the same objects.
    channel.on("presence_state", presences => show(Presence.syncState(state, structuredClone(presences))))
    channel.on("presence_diff", diff => show(Presence.syncDiff(state, structuredClone(diff))))
  }
  if(ways.includes("newer")){
    const presence = new Presence(channel)
    presence.onSync(() => { shown.newer = Object.fromEntries(presence.list(by)) })
  }
  const {status, response} = await reply(`joining ${topic}`, channel.join())
  assert.equal(status, "ok", JSON.stringify(response))
  return {name, socket, channel, ways, shown}
}

/**
 * Waits until every watcher shows `expected` in each of its ways. `expected` is a map of users to
 * the counts of their presences.
 */
export async function everybodySees(watchers, expected){
  for(const {name, ways, shown} of watchers) for(const way of ways){
    // Not by an assertion: of a large list its message takes so long that polls are late.
    const fits = () => isDeepStrictEqual(shown[way], expected)
    await until(`${name} to see ${JSON.stringify(expected)}`, fits, {show: () => `(${way} API shows ${JSON.stringify(shown[way])})`})
  }
}
