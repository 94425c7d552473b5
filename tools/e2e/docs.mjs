// The JavaScript of docs/clients.md.
import assert from "node:assert/strict"
import fs from "node:fs"

const docs = fs.readFileSync(new URL("../../docs/clients.md", import.meta.url), "utf8")
const blocks = docs.split("```js\n").slice(1).map(rest => rest.split("```")[0])

/** What the text calls `name`. */
export function snippet(name){
  const block = blocks.find(block => block.includes(`const ${name} =`))
  assert.ok(block, `docs/clients.md has ${name}`)
  return new Function(`${block}\nreturn ${name}`)()
}
