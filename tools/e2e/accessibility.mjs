// axe-core's rules for accessible pages.
import assert from "node:assert/strict"
import axe from "axe-core"

/** Fails with what axe finds on the page that is serious or critical. */
export async function expectAccessible(tab, what){
  await tab.evaluate(axe.source)
  const {violations, passes} = await tab.evaluate(() => globalThis.axe.run())
  const severe = violations.filter(({impact}) => ["serious", "critical"].includes(impact))
  const found = severe.flatMap(({id, nodes}) => nodes.map(node => `${id} at ${node.target}: ${node.failureSummary}`))
  assert.deepEqual(found, [], what)
  assert.ok(passes.length > 10, `${what}: axe checked ${passes.length} rules`)
}
