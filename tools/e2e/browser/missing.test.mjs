import assert from "node:assert/strict"
import fs from "node:fs/promises"
import os from "node:os"
import path from "node:path"
import {test} from "node:test"
import {everyTabShows, openBrowser} from "../chromium.mjs"
import {freePort, Hello} from "../hello.mjs"

const SENTENCE = "phoenix.js is not installed: run npm install --prefix assets"

test("without phoenix.js the page and the log say what to do", {timeout: 120_000}, async t => {
  const assets = await fs.mkdtemp(path.join(os.tmpdir(), "assets-"))
  t.after(() => fs.rm(assets, {recursive: true}))
  for(const file of ["index.html", "app.css", "app.js"]){
    await fs.copyFile(path.join(process.env.HELLO_ASSETS, file), path.join(assets, file))
  }
  const app = new Hello(await freePort(), {ASSETS: assets})
  t.after(() => app.stop())
  await app.start()
  const browser = await openBrowser(t)
  const tab = await browser.tab(`${app.url}/?name=Alice`)
  await everyTabShows(app, [tab], [SENTENCE])
  assert.ok(app.log().includes(SENTENCE), app.log())
})
