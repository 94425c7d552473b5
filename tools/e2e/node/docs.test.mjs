// The JavaScript of the book does what the text says, and every block of it is run.

import assert from "node:assert/strict"
import fs from "node:fs"
import {test} from "node:test"
import {blocks, example, javascript, snippet, unrun} from "../docs.mjs"
import {newest} from "../versions.mjs"

const {Socket} = newest

test("every block is run by a test", () => {
  const sources = ["node", "browser"].flatMap(name => {
    const folder = new URL(`../${name}/`, import.meta.url)
    const tests = fs.readdirSync(folder).filter(file => file.endsWith(".test.mjs"))
    return tests.map(file => fs.readFileSync(new URL(file, folder), "utf8"))
  })
  assert.ok(blocks.length > 0)
  assert.deepEqual(unrun(blocks, sources), [])
})

test("a block that no test runs is found", () => {
  const page = "```js\nconst a = 1\n```\n\n- item\n\n  ```javascript\n  b()\n  ```\n\n```text\nc()\n```\n"
  const found = javascript(page).map(code => ({page: "page.md", code}))
  assert.deepEqual(found.map(({code}) => code), ["const a = 1\n", "  b()\n"])
  const call = "snippet"
  assert.deepEqual(unrun(found, [`${call}("a")`]), [found[1]])
})

test("reconnectAfterMs waits longer each time, never less than phoenix.js, and not the same for all", async () => {
  const reconnectAfterMs = snippet("reconnectAfterMs")
  const builtIn = [10, 50, 100, 150, 200, 250, 500, 1000, 2000, 5000, 5000]
  builtIn.forEach((wait, index) => {
    const waits = Array.from({length: 100}, () => reconnectAfterMs(index + 1))
    assert.ok(waits.every(ms => ms >= wait && ms <= wait + Math.max(wait, 1000)), `try ${index + 1}`)
    assert.ok(new Set(waits).size > 50, `try ${index + 1} differs from client to client`)
  })
  const socket = await example("{reconnectAfterMs})", {Socket, reconnectAfterMs: () => 4321}, "socket")
  assert.equal(socket.reconnectAfterMs(1), 4321)
})

test("the params of a socket are those of the newest token", async () => {
  const tokens = ["first", "second"]
  const fetchToken = async () => tokens.shift()
  let renew
  const keepTokenFresh = (_socket, fetch) => { renew = fetch }
  const socket = await example("params: () => ({token})", {Socket, fetchToken, keepTokenFresh}, "socket")
  assert.deepEqual(socket.params(), {token: "first"})
  assert.equal(await renew(), "second")
  assert.deepEqual(socket.params(), {token: "second"})
})

test("a page's socket sends the page's CSRF token", async () => {
  const meta = {getAttribute: name => `${name} of the page`}
  const document = {querySelector: selector => selector === "meta[name='csrf-token']" ? meta : null}
  const socket = await example("_csrf_token: csrfToken", {Socket, document}, "socket")
  assert.deepEqual(socket.params(), {_csrf_token: "content of the page"})
})

test("longPollFallbackMs is an option of phoenix.js", async () => {
  const socket = await example("longPollFallbackMs: 2500", {Socket}, "socket")
  assert.equal(socket.longPollFallbackMs, 2500)
})

test("a push over the rate warns with the reason", async () => {
  const warnings = []
  const console = {warn: text => warnings.push(text)}
  const receive = (status, callback) => callback({reason: `a reason of ${status}`})
  const pushed = []
  const channel = {push: (...message) => (pushed.push(message), {receive})}
  await example("body}).receive", {channel, console, body: "hi"}, "null")
  assert.deepEqual(pushed, [["shout", {body: "hi"}]])
  assert.deepEqual(warnings, ["a reason of error"])
})
