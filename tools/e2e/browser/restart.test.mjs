import assert from "node:assert/strict"
import {test} from "node:test"
import {everyTabShows, openBrowser, WAYS, visit} from "../chromium.mjs"
import {freePort, Hello} from "../hello.mjs"

const timeout = 180_000

for(const {way, script} of WAYS) for(const signal of ["SIGTERM", "SIGKILL"]){
  test(`a restart after ${signal} brings all back by phoenix.js's own reconnect: ${way}`, {timeout}, async t => {
    const app = new Hello(await freePort())
    t.after(() => app.stop())
    await app.start()
    const browser = await openBrowser(t)
    const tabs = []
    for(const name of ["Alice", "Alice", "Bob"]) tabs.push(await visit(browser, app, name, script))
    await everyTabShows(app, tabs, ["Alice (count: 2)", "Bob (count: 1)"])
    for(const tab of tabs) await tab.evaluate(() => { window.loadedOnce = true })

    await app.stop(signal)
    await app.start()
    // A new client sees the users that the server knows. The others see the new client only after
    // they have reconnected.
    const carol = await visit(browser, app, "Carol", script)
    await everyTabShows(app, [...tabs, carol], ["Alice (count: 2)", "Bob (count: 1)", "Carol (count: 1)"])
    for(const tab of tabs) assert.ok(await tab.evaluate(() => window.loadedOnce), "the page was loaded again")
  })
}
