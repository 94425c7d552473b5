// An app that has no file descriptors left.
import assert from "node:assert/strict"
import {once} from "node:events"
import net from "node:net"
import {test} from "node:test"
import {until, within} from "../bounded.mjs"
import {freePort, Hello} from "../hello.mjs"

const DESCRIPTORS = 32
const FAILURE = "cannot accept connections"

/** Connects to the app. The kernel takes the connection, whether the app accepts it or not. */
async function connection(t, app){
  const client = net.connect(app.port, "127.0.0.1")
  t.after(() => client.destroy())
  client.on("error", () => {})
  await once(client, "connect")
  return client
}

test("without descriptors the app logs it once, and serves again when clients have gone", async t => {
  const app = new Hello(await freePort(), {}, {descriptors: DESCRIPTORS})
  t.after(() => app.stop("SIGKILL"))
  await app.start()
  const clients = []
  for(let i = 0; i < DESCRIPTORS + 8; i++) clients.push(await connection(t, app))
  await until("the failure in the log", () => app.log().includes(FAILURE), {show: () => app.log()})
  const last = clients.pop()
  for(const client of clients) client.destroy()
  last.write("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
  const [answer] = await within("an answer", once(last, "data"))
  assert.match(String(answer), /^HTTP\/1.1 404/)
  assert.equal(app.log().split(FAILURE).length, 2, app.log())
})
