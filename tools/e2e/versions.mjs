// Versions of npm's phoenix, each evaluated as a page's <script> would: the file of the package, unmodified, in a scope with what
// a page has and Node has not.
import {readFileSync} from "node:fs"
import vm from "node:vm"
import WebSocket from "ws"
import {XMLHttpRequest} from "./xml_http_request.mjs"

/**
 * By the names that package.json gives them. `vsn` is the protocol that a version speaks unless told otherwise; 1.2 is the last that
 * speaks 1.0.0. `presence` names the ways to follow presences that it has (see presence.mjs).
 */
const VERSIONS = [
  {alias: "phoenix-1.2", vsn: "1.0.0", binary: false, presence: ["older"]},
  {alias: "phoenix-1.4", vsn: "2.0.0", binary: false, presence: ["older", "newer"]},
  {alias: "phoenix-1.5", vsn: "2.0.0", binary: true, presence: ["older", "newer"]},
  {alias: "phoenix-1.6", vsn: "2.0.0", binary: true, presence: ["older", "newer"]},
  {alias: "phoenix", vsn: "2.0.0", binary: true, presence: ["older", "newer"]},
]

/**
 * Timers that keep nothing from ending. All versions leave some behind when they disconnect (1.2 and 1.4 a heartbeat for good, the
 * newest those of unanswered pushes): a page does not mind, Node would wait for them.
 */
const idly = set => (...args) => set(...args).unref()

const page = {
  window: {WebSocket, XMLHttpRequest},
  XMLHttpRequest,
  setTimeout: idly(setTimeout),
  setInterval: idly(setInterval),
}

function load(traits){
  const folder = new URL(`node_modules/${traits.alias}/`, import.meta.url)
  const {version, main} = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"))
  const file = new URL(main, folder)
  const script = vm.compileFunction(readFileSync(file, "utf8"), ["module", "exports", ...Object.keys(page)], {filename: file.pathname})
  const module = {exports: {}}
  script(module, module.exports, ...Object.values(page))
  const {LongPoll, Presence, Socket} = module.exports
  return {...traits, name: `phoenix ${version}`, LongPoll, Presence, Socket}
}

/** Each version with its name, its traits, and its own `Socket`, `LongPoll` and `Presence`. */
export const versions = VERSIONS.map(load)

/** The version that the generated apps use. */
export const newest = versions.find(({alias}) => alias === "phoenix")
