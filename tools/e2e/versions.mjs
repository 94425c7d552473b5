// Versions of npm's phoenix. Each is evaluated like the <script> of a page: the file of the
// package, unmodified, in a scope with the globals that a page has and Node lacks.
import {readFileSync} from "node:fs"
import vm from "node:vm"
import WebSocket from "ws"
import {XMLHttpRequest} from "./xml_http_request.mjs"

/**
 * The versions, by their names in package.json. `vsn` is the protocol that a version speaks by
 * default; 1.2 is the last version with 1.0.0. `presence` names the ways in which the version
 * follows presences (see presence.mjs).
 */
const VERSIONS = [
  {alias: "phoenix-1.2", vsn: "1.0.0", binary: false, presence: ["older"]},
  {alias: "phoenix-1.4", vsn: "2.0.0", binary: false, presence: ["older", "newer"]},
  {alias: "phoenix-1.5", vsn: "2.0.0", binary: true, presence: ["older", "newer"]},
  {alias: "phoenix-1.6", vsn: "2.0.0", binary: true, presence: ["older", "newer"]},
  {alias: "phoenix", vsn: "2.0.0", binary: true, presence: ["older", "newer"]},
]

/**
 * Makes timers that do not keep the process alive. All versions leave timers behind when they
 * disconnect: 1.2 and 1.4 a heartbeat for ever, the newest those of pushes without a reply. That is
 * harmless in a page, but Node would wait for them.
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

/** All versions: their names, their traits, and their `Socket`, `LongPoll` and `Presence`. */
export const versions = VERSIONS.map(load)

/** The version that the generated apps use. */
export const newest = versions.find(({alias}) => alias === "phoenix")
