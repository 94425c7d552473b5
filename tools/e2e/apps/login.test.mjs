// An app after `cargo phx gen auth`, in Chromium: the page logs in, and shows the scene of the guide.
import assert from "node:assert/strict"
import {test} from "node:test"
import {everyTabShows, openBrowser} from "../chromium.mjs"
import {hello} from "../hello.mjs"

test("the page logs in, and again after the app's secret has changed", {timeout: 120_000}, async t => {
  const app = await hello(t)
  const browser = await openBrowser(t)
  const names = ["Alice", "Alice", "Bob"]
  const tabs = []
  for(const name of names) tabs.push(await browser.tab(`${app.url}/?name=${name}`))
  const scene = ["Alice (count: 2)", "Bob (count: 1)"]
  await everyTabShows(app, tabs, scene)

  // A name alone does not connect.
  const stranger = await fetch(`${app.url}/socket?user_id=Alice`, {headers: {accept: "application/json"}})
  assert.equal(stranger.status, 403)

  // A debug build makes a secret at each start, so that the tokens of the tabs are refused.
  const everyTabIs = state => Promise.all(tabs.map(tab => tab.locator(`#connection[data-state=${state}]`).waitFor()))
  await app.stop()
  // A page shows its last list while it has no connection.
  await everyTabIs("reconnecting")
  await app.start()
  await everyTabIs("connected")
  await everyTabShows(app, tabs, scene)
  await tabs[0].fill("#message", "Is anybody there?")
  await tabs[0].press("#message", "Enter")
  await tabs[2].locator("#log .theirs", {hasText: "Alice"}).waitFor()
})

test("a user without the password is not let in, and the page says so", {timeout: 120_000}, async t => {
  const app = await hello(t, {LOGIN_PASSWORD: "swordfish"})
  const browser = await openBrowser(t)
  const tab = await browser.tab(`${app.url}/?name=Alice`)
  await tab.getByText("Not logged in").waitFor()
})
