import assert from "node:assert/strict"
import {once} from "node:events"
import net from "node:net"
import {test} from "node:test"
import {until, within} from "../bounded.mjs"
import {freePort, Hello} from "../hello.mjs"
import {join, openSocket} from "../phoenix.mjs"

/** Connects to the app and sends `text`. */
async function connection(t, app, text){
  const client = net.connect(app.port, "127.0.0.1")
  t.after(() => client.destroy())
  client.on("error", () => {})
  await once(client, "connect")
  client.write(text)
  return client
}

/** Connects a client that begins a request and never ends it. */
async function halfARequest(t, app){
  await connection(t, app, "GET / HTTP/1.1\r\nHost: ")
  // Connections are accepted in order. After a response to the next one, the app has the first.
  const next = await connection(t, app, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
  await within("an answer", once(next, "data"))
}

/** Returns a list that gets the code of each close of the socket. */
function closings(socket){
  const codes = []
  socket.onClose(event => codes.push(event.code))
  return codes
}

async function appWithClient(t){
  const app = new Hello(await freePort())
  t.after(() => app.stop("SIGKILL"))
  await app.start()
  const socket = openSocket(t, app.url, {params: {user_id: "ann"}, reconnectAfterMs: () => 60_000})
  await join(socket, "room:lobby")
  return {app, codes: closings(socket)}
}

test("told to end, the app lets its clients go though somebody's request does not end", async t => {
  const {app, codes} = await appWithClient(t)
  await halfARequest(t, app)
  app.signal("SIGTERM")
  await until("the client to be let go", () => codes.length, {show: () => app.log()})
  assert.deepEqual(codes, [1012])
  assert.ok(app.runs(), "it waits for the request")
  await within("the app to end when it is told a second time", app.stop("SIGTERM"))
})

test("told to end, the app ends by itself once its clients are gone", async t => {
  const {app, codes} = await appWithClient(t)
  await within("the app to end", app.stop("SIGTERM"))
  await until("the client to be let go", () => codes.length)
  assert.deepEqual(codes, [1012])
})
