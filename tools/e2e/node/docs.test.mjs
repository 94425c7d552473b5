// The JavaScript in docs/clients.md does what the text says.

import assert from "node:assert/strict"
import {test} from "node:test"
import {snippet} from "../docs.mjs"

test("reconnectAfterMs waits longer each time, never less than phoenix.js, and not the same for all", () => {
  const reconnectAfterMs = snippet("reconnectAfterMs")
  const builtIn = [10, 50, 100, 150, 200, 250, 500, 1000, 2000, 5000, 5000]
  builtIn.forEach((wait, index) => {
    const waits = Array.from({length: 100}, () => reconnectAfterMs(index + 1))
    assert.ok(waits.every(ms => ms >= wait && ms <= wait + Math.max(wait, 1000)), `try ${index + 1}`)
    assert.ok(new Set(waits).size > 50, `try ${index + 1} differs from client to client`)
  })
})
