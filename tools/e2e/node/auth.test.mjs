import assert from "node:assert/strict"
import {test} from "node:test"
import {within} from "../bounded.mjs"
import {example} from "../docs.mjs"
import {address, freshRoom, join, openSocket, reply} from "../phoenix.mjs"

const CONFORMANCE = address("CONFORMANCE_URL")
// The app's own, for Alice and a minute.
const token = await (await fetch(`${CONFORMANCE}/token/alice/60`)).text()

const refused = socket => within("a refusal", new Promise(resolve => socket.onError(resolve)))

for(const [how, options] of [["authToken", {authToken: token}], ["a parameter", {params: {token}}]]){
  test(`a signed token by ${how} says who the user is`, async t => {
    const channel = await join(openSocket(t, CONFORMANCE, options), freshRoom("auth"))
    const {response} = await reply("whoami", channel.push("whoami", {}))
    assert.equal(response.user_id, "alice")
  })
}

test("a token that was changed is refused", async t => {
  const socket = openSocket(t, CONFORMANCE, {authToken: token.replace(".", ".A"), reconnectAfterMs: () => 60_000})
  await refused(socket)
  assert.equal(socket.isConnected(), false)
})

test("a page that asks learns whether it may connect, and why not", async () => {
  const here = (path, options) => fetch(new URL(path, CONFORMANCE), options)
  const refusal = await example("function refusal", {fetch: here}, "refusal")
  assert.equal(await refusal({token, vsn: "2.0.0"}), null)
  assert.deepEqual(await refusal({token: token.replace(".", ".A"), vsn: "2.0.0"}), {status: 403})
  assert.equal(await refusal({vsn: "2.0.0"}, token), null)
  assert.deepEqual(await refusal({vsn: "2.0.0"}, token.replace(".", ".A")), {status: 403})
})
