// npm's phoenix in Node, unmodified; `ws` is its WebSocket.
import {Socket} from "phoenix"
import WebSocket from "ws"
import {within} from "./bounded.mjs"

/** A socket to the app at `url` (http://...), closed when test `t` ends. `options` go to phoenix's Socket. */
export function openSocket(t, url, options = {}){
  const socket = new Socket(`${url.replace(/^http/, "ws")}/socket`, {
    transport: WebSocket,
    rejoinAfterMs: () => 50,
    reconnectAfterMs: () => 50,
    ...options,
  })
  socket.connect()
  t.after(() => new Promise(closed => socket.disconnect(closed)))
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
