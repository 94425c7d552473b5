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

const HALF_A_HEAD = "GET / HTTP/1.1\r\nHost: "
const HALF_A_BODY = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nx"
/** The time in milliseconds that the app waits for the rest of a head when it is told to end. */
const WAITS_FOR_A_HEAD_MS = 1_000

/** Connects a client that sends `text`, and no more. */
async function halfARequest(t, app, text){
  await connection(t, app, text)
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

for(const [name, text] of [["nothing", ""], ["half a head", HALF_A_HEAD], ["half a body", HALF_A_BODY]]){
  test(`told to end, the app closes its clients and ends, though somebody has sent ${name}`, async t => {
    const {app, codes} = await appWithClient(t)
    await halfARequest(t, app, text)
    await within("the app to end", app.stop("SIGTERM"))
    assert.equal(app.exitCode(), 0, app.log())
    await until("the client to be closed", () => codes.length, {show: () => app.log()})
    assert.deepEqual(codes, [1012])
  })
}

test("told to end twice, the app does not wait for a request", async t => {
  // On a busy machine an end may take long, so one quick end of several is enough.
  const took = []
  while(!took.some(ms => ms < WAITS_FOR_A_HEAD_MS)){
    assert.ok(took.length < 10, `it waits: ${took}`)
    const {app, codes} = await appWithClient(t)
    await halfARequest(t, app, HALF_A_HEAD)
    const begin = Date.now()
    app.signal("SIGTERM")
    await until("the client to be closed", () => codes.length, {show: () => app.log()})
    await within("the app to end when it is told a second time", app.stop("SIGTERM"))
    took.push(Date.now() - begin)
  }
})

test("told to end, the app ends by itself once its clients are gone", async t => {
  const {app, codes} = await appWithClient(t)
  await within("the app to end", app.stop("SIGTERM"))
  await until("the client to be let go", () => codes.length)
  assert.deepEqual(codes, [1012])
})
