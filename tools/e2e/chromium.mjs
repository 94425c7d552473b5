// Headless Chromium, and the text that its tabs show.
import fs from "node:fs/promises"
import path from "node:path"
import {chromium} from "playwright-core"
import {PATIENCE_MS} from "./bounded.mjs"

// Chromium has no sandbox when it runs as root. The other flags stop its background traffic.
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
]

/** Starts a browser with its own process and profile. It is closed when test `t` ends. */
export async function openBrowser(t){
  const executablePath = process.env.CHROMIUM || "/usr/bin/chromium"
  // Only a server gives access to the process.
  const server = await chromium.launchServer({executablePath, headless: true, args: ARGS})
  t.after(() => server.close().catch(() => {}))
  const browser = await chromium.connect(server.wsEndpoint())
  return {
    /**
     * Opens a tab at `url`. `prepare` gets the page before it loads. `options` are those of a
     * browser context, such as the size of the window.
     */
    async tab(url, prepare = () => {}, options = {}){
      const page = await browser.newPage(options)
      page.setDefaultTimeout(PATIENCE_MS)
      page.messages = []
      page.on("console", message => page.messages.push(message.text()))
      page.on("pageerror", error => page.messages.push(String(error)))
      await prepare(page)
      await page.goto(url)
      return page
    },
    /** Kills the process, like a crash or a dead battery. */
    kill(){
      process.kill(server.process().pid, "SIGKILL")
    },
  }
}

/** Returns the lines in the page's main element, sorted. */
const shownLines = () => {
  const text = document.querySelector("main[role=main]")?.innerText ?? ""
  return text.split("\n").map(line => line.trim()).filter(Boolean).sort()
}

/**
 * Waits until every tab shows exactly these lines. Fails with the lines that each tab shows, and
 * the end of the server's log.
 */
export async function everyTabShows(app, tabs, lines){
  const expected = JSON.stringify([...lines].sort())
  const fits = `(() => JSON.stringify((${shownLines})()) === ${JSON.stringify(expected)})()`
  // Polls at an interval. The default, animation frames, do not run in a background tab.
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

/** Takes a picture of the tab, if SCREENSHOTS names a folder for it. */
export async function screenshot(tab, name){
  const folder = process.env.SCREENSHOTS
  if(!folder) return
  await fs.mkdir(folder, {recursive: true})
  await tab.screenshot({path: path.join(folder, `${name}.png`)}).catch(() => {})
}

/**
 * The two ways in which phoenix.js follows presences: with the app's own page, and with a script
 * that uses the older functions.
 */
export const WAYS = [
  {way: "new Presence(channel)", script: null, picture: "three-tabs"},
  {way: "Presence.syncState and syncDiff", script: "older-app.js", picture: "three-tabs-older"},
]

/** Opens the app's page as `name`. A `script` of the tests replaces the page's own. */
export async function visit(browser, app, name, script = null){
  return browser.tab(`${app.url}/?name=${encodeURIComponent(name)}`, async page => {
    if(!script) return
    const file = path.join(import.meta.dirname, "browser", script)
    // Replaces only the script. A document that does not come from the server could not open a
    // WebSocket to it in Chromium.
    await page.route("**/assets/app.js", route => route.fulfill({path: file, contentType: "text/javascript"}))
  })
}
