// The recipe of docs/clients.md in a real page, with the phoenix.js that pages load.
import assert from "node:assert/strict"
import {readFileSync} from "node:fs"
import {test} from "node:test"
import {openBrowser} from "../chromium.mjs"
import {snippet} from "../docs.mjs"
import {address} from "../phoenix.mjs"

const APP = address("CONFORMANCE_URL")
const PHOENIX = new URL("../node_modules/phoenix/", import.meta.url)
const script = new URL("priv/static/phoenix.min.js", PHOENIX)

/** Opens a socket in the page, with a token that has expired already. */
async function connectWithExpired(recipe){
  const fetchToken = async seconds => (await fetch(`/token/alice/${seconds}`)).text()
  const keepTokenFresh = new Function(`return ${recipe}`)()
  let token = await fetchToken(0)
  let fetched = 0
  const {Socket} = globalThis.Phoenix
  const socket = new Socket("/expiring/socket", {params: () => ({token})})
  keepTokenFresh(socket, async () => {
    fetched++
    return token = await fetchToken(60)
  })
  let refused = 0
  socket.onError(() => { refused++ })
  const opened = new Promise(resolve => socket.onOpen(resolve))
  socket.connect()
  await opened
  const channel = socket.channel("room:back", {})
  await new Promise((resolve, reject) => channel.join().receive("ok", resolve).receive("error", reject))
  const who = await new Promise(resolve => channel.push("whoami", {}).receive("ok", resolve))
  socket.disconnect()
  return {user: who.user_id, refused, fetched}
}

test("a client whose token expired while it was away comes back with a new one", {timeout: 120_000}, async t => {
  const browser = await openBrowser(t)
  // A page of the server itself, of which only the origin counts.
  const tab = await browser.tab(`${APP}/token/alice/60`)
  await tab.addScriptTag({content: readFileSync(script, "utf8")})
  const recipe = snippet("keepTokenFresh").toString()
  const {user, refused, fetched} = await tab.evaluate(connectWithExpired, recipe)
  assert.equal(user, "alice")
  // One refusal, one fetch: a second try may begin while the token is on its way.
  assert.ok(refused >= 1 && refused <= 3, `${refused} refusals`)
  assert.ok(fetched >= 1 && fetched <= 2, `${fetched} fetches`)
})
