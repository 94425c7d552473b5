// The JavaScript of the README and of the book's pages, for the tests that run it.
import assert from "node:assert/strict"
import fs from "node:fs"

const root = new URL("../../", import.meta.url)
const book = fs.readdirSync(new URL("docs/", root), {recursive: true})
  .filter(name => name.endsWith(".md"))
  .map(name => `docs/${name}`)
const pages = ["README.md", ...book.sort()]

/** Returns the blocks of `text` that are marked as JavaScript. */
export const javascript = text =>
  [...text.matchAll(/^ *```(?:js|javascript|mjs)\b[^\n]*\n(.*?)^ *```/gms)].map(match => match[1])

/** Every block of every page, as `{page, code}`. */
export const blocks = pages.flatMap(page =>
  javascript(fs.readFileSync(new URL(page, root), "utf8")).map(code => ({page, code})))

/** Returns the only block that contains `text`. */
function only(text){
  const found = blocks.filter(({code}) => code.includes(text))
  assert.equal(found.length, 1, `blocks of the pages with ${JSON.stringify(text)}`)
  return found[0].code
}

/** Returns the constant `name` that a block defines. */
export function snippet(name){
  return new Function(`${only(`const ${name} =`)}\nreturn ${name}`)()
}

/**
 * Runs the block that contains `text`, with the variables in `scope`. Returns the value that
 * `result` has after the block.
 */
export function example(text, scope, result){
  const AsyncFunction = (async () => {}).constructor
  return new AsyncFunction(...Object.keys(scope), `${only(text)}\nreturn ${result}`)(...Object.values(scope))
}

/**
 * Returns the blocks that no test runs: no source in `sources` names them in `snippet("name")` or
 * `example("text", ...)`.
 */
export function unrun(blocks, sources){
  const calls = sources.flatMap(source => [...source.matchAll(/\b(snippet|example)\("([^"]+)"/g)])
  const needles = calls.map(([, call, text]) => call === "snippet" ? `const ${text} =` : text)
  return blocks.filter(({code}) => !needles.some(needle => code.includes(needle)))
}
