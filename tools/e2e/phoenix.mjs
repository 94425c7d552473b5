// Clients with npm's phoenix in Node, unmodified.
import {within} from "./bounded.mjs"
import {newest} from "./versions.mjs"

/**
 * Retries soon once, then later. 1.2 also rejoins at this interval, and repeats a join without a
 * reply. The server then closes the first of the two, and 1.2 takes that for a close of the second.
 */
const soon = tries => tries === 1 ? 50 : 2_000

/**
 * Connects a socket to the app at `url` (http://...). It is closed when test `t` ends. `options`
 * are passed to the Socket of `phoenix`.
 */
export function openSocket(t, url, options = {}, phoenix = newest){
  const socket = new phoenix.Socket(`${url.replace(/^http/, "ws")}/socket`, {
    rejoinAfterMs: () => 50,
    reconnectAfterMs: soon,
    ...options,
  })
  socket.connect()
  t.after(() => within("the socket to close", new Promise(closed => socket.disconnect(closed))))
  return socket
}

/** Resolves with the reply to a push or a join, as `{status, response}`. */
export function reply(what, push){
  return within(`a reply to ${what}`, new Promise(resolve => {
    for(const status of ["ok", "error", "timeout"]) push.receive(status, response => resolve({status, response}))
  }))
}

/** Joins `topic` and returns the channel. Throws if the join is rejected. */
export async function join(socket, topic, payload = {}){
  const channel = socket.channel(topic, payload)
  const {status, response} = await reply(`joining ${topic}`, channel.join())
  if(status !== "ok") throw new Error(`joining ${topic}: ${status} ${JSON.stringify(response)}`)
  return channel
}

/** Returns a list that gets the payloads of `event` on `channel`, in order. */
export function collect(channel, event){
  const payloads = []
  channel.on(event, payload => payloads.push(payload))
  return payloads
}

let topics = 0

/** Returns a new room for each test, so that no test gets the messages of another. */
export const freshRoom = name => `room:${name}-${process.pid}-${++topics}`

/** Returns the address in the environment. Throws an error that says how to run these tests. */
export function address(variable){
  const url = process.env[variable]
  if(!url) throw new Error(`${variable} is not set; run these tests with: cargo xtask test --only node`)
  return url
}
