// The page of a new app, as a user sees it: light and dark, narrow and wide.
import assert from "node:assert/strict"
import {test} from "node:test"
import {stripVTControlCharacters} from "node:util"
import {expectAccessible} from "../accessibility.mjs"
import {until} from "../bounded.mjs"
import {everyTabShows, openBrowser, screenshot} from "../chromium.mjs"
import {freePort, Hello, hello} from "../hello.mjs"

const timeout = 180_000

const WIDE = {width: 1280, height: 800}
const NARROW = {width: 390, height: 844}
const LOOKS = [WIDE, NARROW].flatMap(viewport => ["light", "dark"].map(colorScheme => ({
  name: `${viewport === WIDE ? "wide" : "narrow"}-${colorScheme}`,
  // What moves has no colour of its own that axe could check.
  options: {viewport, colorScheme, reducedMotion: "reduce"},
})))

const open = (browser, app, name, {options} = LOOKS[0], prepare = undefined) =>
  browser.tab(`${app.url}/${name === null ? "" : `?name=${encodeURIComponent(name)}`}`, prepare, options)

/** Waits until the element at `selector` has a text that fits the pattern. */
async function shows(tab, selector, pattern){
  const text = () => tab.locator(selector).innerText()
  await until(`${selector} to show ${pattern}`, async () => pattern.test(await text()), {show: text})
}

/** Changes the page's own script on its way to the browser. */
const scriptWith = (from, to) => page => page.route("**/assets/app.js", async route => {
  const response = await route.fetch()
  const body = await response.text()
  assert.ok(body.includes(from), `app.js has ${from}`)
  await route.fulfill({response, body: body.replaceAll(from, to)})
})

async function say(tab, text){
  await tab.getByLabel("Message to everyone here").fill(text)
  await tab.keyboard.press("Enter")
}

/** Keeps a picture of the tab, checks it by axe's rules, and that nothing is wider than it. */
async function lookAt(tab, name){
  await screenshot(tab, `page-${name}`)
  const [content, window] = await tab.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.ok(content <= window, `${name} is ${content} wide, in a window of ${window}`)
  await expectAccessible(tab, name)
}

test("two users see each other's devices, and talk", {timeout}, async t => {
  const app = await hello(t)
  const browser = await openBrowser(t)
  const tabs = []
  for(const [n, look] of LOOKS.entries()) tabs.push(await open(browser, app, n % 2 ? "Bob" : "Alice", look))
  await everyTabShows(app, tabs, ["Alice (count: 2)", "Bob (count: 2)"])
  const [alice, bob] = tabs
  for(const tab of tabs){
    await shows(tab, "#summary", /^2 people here, on 4 devices$/)
    await shows(tab, "#connection", /^Connected$/)
    const since = await tab.locator("main time").evaluateAll(times => times.map(time => time.dateTime))
    assert.equal(since.length, 4)
    for(const time of since) assert.ok(Math.abs(Date.now() - Date.parse(time)) < 600_000, time)
  }

  await say(alice, "<b>Hello</b>, who is here?")
  await say(bob, "I am, on two devices.")
  for(const tab of tabs){
    await shows(tab, "#log", /Alice[^]*<b>Hello<\/b>, who is here\?/)
    await shows(tab, "#log", /Bob[^]*I am, on two devices\./)
    assert.equal(await tab.locator("#log b").count(), 0)
  }
  assert.equal(await alice.locator("#log .mine").count(), 1)
  assert.equal(await alice.locator("#message").inputValue(), "")

  const carol = await open(browser, app, "Carol")
  await shows(alice, "#log", /Carol joined/)
  await everyTabShows(app, [alice], ["Alice (count: 2)", "Bob (count: 2)", "Carol (count: 1)"])
  await carol.close()
  await shows(alice, "#log", /Carol left/)
  assert.equal(await alice.locator("#log", {hasText: /Alice (joined|left)/}).count(), 0, "Alice never left")
  for(const [n, tab] of tabs.entries()) await lookAt(tab, LOOKS[n].name)
})

test("a visitor without a name is asked for one, and needs no mouse", {timeout}, async t => {
  const app = await hello(t)
  const browser = await openBrowser(t)
  for(const look of LOOKS){
    const tab = await open(browser, app, null, look)
    await shows(tab, "#welcome", /What is your name\?/)
    await lookAt(tab, `welcome-${look.name}`)
    await tab.keyboard.type("Dora")
    await tab.keyboard.press("Enter")
    await everyTabShows(app, [tab], ["Dora (count: 1)"])
    assert.equal(await tab.locator("#welcome").isVisible(), false)
    const input = tab.locator("#message:focus")
    for(let presses = 0; !await input.count(); presses++){
      assert.ok(presses < 10, "the message can be reached with the tabulator")
      await tab.keyboard.press("Tab")
    }
    await tab.keyboard.type("By keyboard")
    await tab.keyboard.press("Enter")
    await shows(tab, "#log", /Dora[^]*By keyboard/)
    await tab.close()
  }
})

test("a user who joins lights up, unless motion is reduced", {timeout}, async t => {
  const app = await hello(t)
  const browser = await openBrowser(t)
  const animated = tab => tab.evaluate(() => {
    const rows = [...document.querySelectorAll("main li")]
    return rows.filter(row => getComputedStyle(row).animationName.includes("light-up")).length
  })
  for(const [reducedMotion, expected] of [["no-preference", 1], ["reduce", 0]]){
    const tab = await open(browser, app, "Alice", {options: {reducedMotion}})
    await everyTabShows(app, [tab], ["Alice (count: 1)"])
    assert.equal(await animated(tab), expected, reducedMotion)
    await tab.close()
  }
})

test("the page says that it reconnects, and when", {timeout}, async t => {
  const app = new Hello(await freePort())
  t.after(() => app.stop())
  await app.start()
  const browser = await openBrowser(t)
  const tab = await open(browser, app, "Alice", LOOKS[3])
  await shows(tab, "#connection", /^Connected$/)
  await app.stop("SIGKILL")
  await shows(tab, "#connection", /^Reconnecting\s+retry in \d+ s\s+Try now$/)
  await lookAt(tab, "reconnecting")
  // A message that cannot be sent is not lost.
  await say(tab, "Is anybody there?")
  await shows(tab, "#log", /Not sent: there is no connection/)
  assert.equal(await tab.locator("#message").inputValue(), "Is anybody there?")

  await shows(tab, "#countdown", /retry in [2-9] s/)
  await app.start()
  // By hand or by itself: the button may be gone before it is pressed.
  await tab.locator("#retry").click({timeout: 1000}).catch(() => {})
  await shows(tab, "#connection", /^Connected$/)
  await everyTabShows(app, [tab], ["Alice (count: 1)"])
  await tab.locator("#talk button").click()
  await shows(tab, "#log", /Alice[^]*Is anybody there\?/)
})

test("the page says that the server ended the channel, after an event that it does not know", {timeout}, async t => {
  const app = await hello(t)
  const browser = await openBrowser(t)
  const unknown = scriptWith("channel.push(\"shout\"", "channel.push(\"whisper\"")
  const said = []
  const tab = await open(browser, app, "Alice", LOOKS[0], async page => {
    page.on("console", message => said.push(`${message.type()}: ${message.text()}`))
    await unknown(page)
  })
  await shows(tab, "#connection", /^Connected$/)
  await say(tab, "Who hears this?")
  await shows(tab, "#log", /The server ended the channel\. Its log says why/)
  assert.ok(said.some(line => line.startsWith("error: room:lobby ended by the server")), said.join("\n"))
  const log = () => stripVTControlCharacters(app.log())
  const warning = /WARN[^\n]*no handler for the event [^\n]*event="whisper"/
  await until("the server's log to say why", () => warning.test(log()), {show: log})
  // The page joins again, and nothing else has ended.
  await shows(tab, "#connection", /^Connected$/)
  await everyTabShows(app, [tab], ["Alice (count: 1)"])
})

test("the page says that it is refused", {timeout}, async t => {
  const app = await hello(t)
  const browser = await openBrowser(t)
  const anonymous = scriptWith("{user_id: name}", "{user_id: \"\"}")
  const tab = await open(browser, app, "Alice", LOOKS[2], anonymous)
  await shows(tab, "#connection", /^Refused \(403\)/)
  await lookAt(tab, "refused")
})

test("an app without a socket or a channel says what to generate", {timeout}, async t => {
  const app = await hello(t)
  const browser = await openBrowser(t)
  for(const [from, to, missing] of [
    ["/socket", "/no_socket", /^This app has no socket yet/],
    ["room:lobby", "no_channel:lobby", /^This app has no channel for no_channel:lobby yet/],
  ]) for(const look of LOOKS){
    const tab = await open(browser, app, "Alice", look, scriptWith(from, to))
    await shows(tab, "#setup", missing)
    await shows(tab, "#setup", /cargo phx gen presence/)
    assert.equal(await tab.locator("#room").isVisible(), false)
    await lookAt(tab, `setup-${to.split(/\W/).find(Boolean)}-${look.name}`)
    await tab.close()
  }
})

test("a browser asks each time whether a file is new, and gets it once", {timeout}, async t => {
  const app = await hello(t)
  for(const path of ["/", "/assets/app.css", "/assets/app.js", "/assets/phoenix.mjs"]){
    const first = await fetch(app.url + path)
    assert.equal(first.status, 200, path)
    assert.equal(first.headers.get("cache-control"), "no-cache", path)
    const etag = first.headers.get("etag")
    if(path === "/") continue
    const again = await fetch(app.url + path, {headers: {"if-none-match": etag}})
    assert.equal(again.status, 304, path)
  }
})
