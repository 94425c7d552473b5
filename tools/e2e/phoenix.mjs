// npm's phoenix in Node, unmodified.
import {within} from "./bounded.mjs"
import {newest} from "./versions.mjs"

/**
 * Once soon, then later: 1.2 rejoins by this clock, too, and sends a join again that has not been answered by the next tick. The server
 * closes the first of the two then, and 1.2 takes that for the second's.
 */
const soon = tries => tries === 1 ? 50 : 2_000

/** A socket to the app at `url` (http://...), closed when test `t` ends. `options` go to the Socket of `phoenix`. */
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

/** The reply to a push (or a join), as `{status, response}`. */
export function reply(what, push){
  return within(`a reply to ${what}`, new Promise(resolve => {
    for(const status of ["ok", "error", "timeout"]) push.receive(status, response => resolve({status, response}))
  }))
}

/** Joins `topic` and returns the channel; throws if the join is refused. */
export async function join(socket, topic, payload = {}){
  const channel = socket.channel(topic, payload)
  const {status, response} = await reply(`joining ${topic}`, channel.join())
  if(status !== "ok") throw new Error(`joining ${topic}: ${status} ${JSON.stringify(response)}`)
  return channel
}

/** Payloads of `event` on `channel`, in the order in which they came. */
export function collect(channel, event){
  const payloads = []
  channel.on(event, payload => payloads.push(payload))
  return payloads
}

let topics = 0

/** A room of its own for each test, so that no test hears another. */
export const freshRoom = name => `room:${name}-${process.pid}-${++topics}`

/** The address that the environment names, or an error saying how these tests are run. */
export function address(variable){
  const url = process.env[variable]
  if(!url) throw new Error(`${variable} is not set; run these tests with: cargo xtask test --only node`)
  return url
}
