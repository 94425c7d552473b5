// Headless Chromium, and what its tabs show.
import fs from "node:fs/promises"
import path from "node:path"
import {chromium} from "playwright-core"
import {PATIENCE_MS} from "./bounded.mjs"

// As root there is no sandbox; the rest keeps it from calling home.
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
]

/** A browser of its own process and profile for test `t`, closed when the test ends. */
export async function openBrowser(t){
  const executablePath = process.env.CHROMIUM || "/usr/bin/chromium"
  // As a server, because only that tells the process.
  const server = await chromium.launchServer({executablePath, headless: true, args: ARGS})
  t.after(() => server.close().catch(() => {}))
  const browser = await chromium.connect(server.wsEndpoint())
  return {
    /** A tab at `url`; `prepare` gets the page before it loads. */
    async tab(url, prepare = () => {}){
      const page = await browser.newPage()
      page.setDefaultTimeout(PATIENCE_MS)
      page.messages = []
      page.on("console", message => page.messages.push(message.text()))
      page.on("pageerror", error => page.messages.push(String(error)))
      await prepare(page)
      await page.goto(url)
      return page
    },
    /** Ends the process, as a crash or a dead battery does. */
    kill(){
      process.kill(server.process().pid, "SIGKILL")
    },
  }
}

/** The lines that the page shows in its main element, in the order of the alphabet. */
const shownLines = () => {
  const text = document.querySelector("main[role=main]")?.innerText ?? ""
  return text.split("\n").map(line => line.trim()).filter(Boolean).sort()
}

/** Waits until every tab shows just these lines; else fails with what each shows, and the end of the server's log. */
export async function everyTabShows(app, tabs, lines){
  const expected = JSON.stringify([...lines].sort())
  const fits = `(() => JSON.stringify((${shownLines})()) === ${JSON.stringify(expected)})()`
  // Not on animation frames, the default: a tab in the background has none.
  const waits = tabs.map(tab => tab.waitForFunction(fits, null, {polling: 50}))
  const results = await Promise.allSettled(waits)
  if(results.every(({status}) => status === "fulfilled")) return
  const seen = await Promise.all(tabs.map(async (tab, n) => {
    await screenshot(tab, `failed-${n + 1}`)
    const shown = await tab.evaluate(shownLines).catch(error => error.message)
    return `  tab ${n + 1} (${tab.url()}): ${JSON.stringify(shown)}\n    console: ${tab.messages.slice(-5).join(" | ")}`
  }))
  throw new Error(`not every tab shows ${expected}:\n${seen.join("\n")}\nthe server's log ends:\n${app.log()}`)
}

/** A picture of the tab, in the folder that SCREENSHOTS names. */
export async function screenshot(tab, name){
  const folder = process.env.SCREENSHOTS
  if(!folder) return
  await fs.mkdir(folder, {recursive: true})
  await tab.screenshot({path: path.join(folder, `${name}.png`)}).catch(() => {})
}

/** The two ways of phoenix.js to follow presences: the app's own page, and one whose script uses the older functions. */
export const WAYS = [
  {way: "new Presence(channel)", script: null, picture: "three-tabs"},
  {way: "Presence.syncState and syncDiff", script: "older-app.js", picture: "three-tabs-older"},
]

/** Opens the app's page as `name`, with the tests' `script` in place of its own if there is one. */
export async function visit(browser, app, name, script = null){
  return browser.tab(`${app.url}/?name=${encodeURIComponent(name)}`, async page => {
    if(!script) return
    const file = path.join(import.meta.dirname, "browser", script)
    // The script only: Chromium lets a document that does not come from the server open no WebSocket to it.
    await page.route("**/assets/app.js", route => route.fulfill({path: file, contentType: "text/javascript"}))
  })
}
