import {test} from "node:test"
import {everyTabShows, openBrowser, WAYS, screenshot, visit} from "../chromium.mjs"
import {hello} from "../hello.mjs"

const timeout = 120_000

for(const {way, script, picture} of WAYS){
  test(`three tabs count each other: ${way}`, {timeout}, async t => {
    const app = await hello(t)
    const browser = await openBrowser(t)
    const first = await visit(browser, app, "Alice", script)
    await everyTabShows(app, [first], ["Alice (count: 1)"])
    const second = await visit(browser, app, "Alice", script)
    const bob = await visit(browser, app, "Bob", script)
    await everyTabShows(app, [first, second, bob], ["Alice (count: 2)", "Bob (count: 1)"])
    await screenshot(bob, picture)

    await second.close()
    await everyTabShows(app, [first, bob], ["Alice (count: 1)", "Bob (count: 1)"])
    await first.close()
    await everyTabShows(app, [bob], ["Bob (count: 1)"])
  })

  test(`a killed browser's user leaves: ${way}`, {timeout}, async t => {
    const app = await hello(t)
    const [doomed, browser] = [await openBrowser(t), await openBrowser(t)]
    const alice = await visit(doomed, app, "Alice", script)
    const bob = await visit(browser, app, "Bob", script)
    await everyTabShows(app, [alice, bob], ["Alice (count: 1)", "Bob (count: 1)"])
    doomed.kill()
    await everyTabShows(app, [bob], ["Bob (count: 1)"])
  })
}

test("a name is shown as text, whatever it holds", {timeout}, async t => {
  const app = await hello(t)
  const browser = await openBrowser(t)
  const name = "<img src=x> & Söhne"
  const tab = await visit(browser, app, name)
  await everyTabShows(app, [tab], [`${name} (count: 1)`])
})
