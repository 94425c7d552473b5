// Two clients with npm's phoenix join a channel of the app at APP_URL, and see each other.
// `cargo xtask apps` runs this against apps that the generators have changed.
import assert from "node:assert/strict"
import {test} from "node:test"
import {reply} from "../phoenix.mjs"
import {everybodySees, watch} from "../presence.mjs"

const APP = process.env.APP_URL

test("two clients join and see each other", async t => {
  const ann = await watch(t, APP, "room:lobby", "ann")
  await everybodySees([ann], {ann: 1})
  const bob = await watch(t, APP, "room:lobby", "bob")
  await everybodySees([ann, bob], {ann: 1, bob: 1})
  assert.equal((await reply("leave", bob.channel.leave())).status, "ok")
  await everybodySees([ann], {ann: 1})
})
