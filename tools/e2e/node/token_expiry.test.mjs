// Sockets whose token expires while they are connected.
import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {until} from "../bounded.mjs"
import {snippet} from "../docs.mjs"
import {address, collect, freshRoom, join, openSocket, reply} from "../phoenix.mjs"
import {relayTo} from "../relay.mjs"
import {newest, versions} from "../versions.mjs"

const APP = address("CONFORMANCE_URL")
/** The time in seconds for which tokens are valid. The app sends a notice two seconds earlier. */
const GOOD = 4

const keepTokenFresh = snippet("keepTokenFresh")

/** The time in seconds for which a token is valid that has expired. */
const EXPIRED = 0
/** The time in milliseconds for which a test watches for a connection that must not come. */
const WATCH_MS = 300

async function fetchToken(seconds = GOOD){
  const response = await fetch(`${APP}/token/alice/${seconds}`)
  assert.equal(response.status, 200)
  return response.text()
}

/** Keeps the socket's token fresh. Returns a list that gets each token that was fetched. */
function keepFresh(state, fetchToken){
  const fetched = []
  keepTokenFresh(state.socket, async () => {
    const index = fetched.push("under way") - 1
    const token = await fetchToken()
    fetched[index] = token
    if(token !== null) state.token = token
    return token
  })
  return fetched
}

/**
 * Opens a socket with a token that expires, and records its attempts, notices and close codes.
 * `state.cut()` cuts its connections.
 */
async function open(t, version, options){
  const relay = await relayTo(t, APP)
  const state = {token: await fetchToken(), told: 0, tried: 0, opened: 0, closed: [], cut: relay.cut}
  const params = () => {
    state.tried++
    return {token: state.token}
  }
  state.socket = openSocket(t, `${relay.address}/expiring`, {params, ...options}, version)
  state.socket.onOpen(() => { state.opened++ })
  state.socket.onClose(event => state.closed.push(event.code))
  state.socket.onMessage(({topic, event}) => { if(topic === "phoenix" && event === "token_expiring") state.told++ })
  return state
}

// Without 1.2, which takes no function as its params.
const refreshing = versions.filter(({vsn}) => vsn !== "1.0.0")
const transports = [
  ...refreshing.map(version => [`${version.name} by WebSocket`, version, {}]),
  [`${newest.name} by long-polling`, newest, {transport: newest.LongPoll}],
]

describe("a token that expires", {concurrency: true}, () => {
  for(const [name, version, options] of transports){
    test(`${name}: a fresh one in time leaves the connection alone`, async t => {
      const state = await open(t, version, options)
      keepTokenFresh(state.socket, async () => state.token = await fetchToken())
      const channel = await join(state.socket, freshRoom("fresh"))
      const errors = collect(channel, "phx_error")
      // At the third notice, the first token has expired.
      await until("the third notice", () => state.told >= 3, {show: () => `(${state.told})`})
      assert.equal((await reply("whoami", channel.push("whoami", {}))).response.user_id, "alice")
      assert.deepEqual([state.closed, state.opened, errors], [[], 1, []])
    })

    test(`${name}: without one it is closed, and phoenix.js connects again with what its params say`, async t => {
      const state = await open(t, version, options)
      const channel = await join(state.socket, freshRoom("stale"))
      await until("the notice", () => state.told === 1)
      state.token = await fetchToken()
      await until("the close", () => state.closed.length === 1)
      // A polling client learns that its session is gone. phoenix.js closes it with its own code.
      if(!options.transport) assert.deepEqual(state.closed, [1008])
      await until("the next connection", () => state.opened === 2 && channel.state === "joined")
      assert.equal((await reply("whoami", channel.push("whoami", {}))).response.user_id, "alice")
    })
  }

  for(const [name, version, options] of transports){
    test(`${name}: one that expired while the client was away is replaced when it is refused`, async t => {
      const state = await open(t, version, options)
      const fetched = keepFresh(state, fetchToken)
      const channel = await join(state.socket, freshRoom("away"))
      state.token = await fetchToken(EXPIRED)
      state.cut()
      const show = () => JSON.stringify({...state, socket: state.socket.connectionState(), channel: channel.state})
      await until("the next connection", () => state.opened === 2 && channel.state === "joined", {show})
      assert.equal(fetched.length, 1)
      assert.equal((await reply("whoami", channel.push("whoami", {}))).response.user_id, "alice")
    })

    test(`${name}: who is logged out stays away`, async t => {
      const state = await open(t, version, {reconnectAfterMs: () => 20, ...options})
      const fetched = keepFresh(state, async () => null)
      await join(state.socket, freshRoom("logged-out"))
      state.token = await fetchToken(EXPIRED)
      state.cut()
      await until("the question for a token", () => fetched.length === 1)
      await until("the end", () => state.socket.connectionState() === "closed")
      const tries = state.tried
      await new Promise(resolve => setTimeout(resolve, WATCH_MS))
      assert.deepEqual([state.tried, fetched.length, state.opened], [tries, 1, 1])
    })

    test(`${name}: a server that refuses every token is asked for one per attempt at most`, async t => {
      const state = await open(t, version, {reconnectAfterMs: () => 20, ...options})
      const fetched = keepFresh(state, () => fetchToken(EXPIRED))
      await join(state.socket, freshRoom("refused"))
      state.token = await fetchToken(EXPIRED)
      state.cut()
      await until("several questions", () => fetched.length >= 4)
      assert.ok(fetched.length <= state.tried, `${fetched.length} fetched, ${state.tried} tried`)
      assert.equal(state.opened, 1)
    })
  }

  test("a failure to fetch is followed by another try", async t => {
    const state = await open(t, newest, {reconnectAfterMs: () => 20})
    let failures = 3
    const fetched = keepFresh(state, async () => {
      if(failures-- > 0) throw new Error("the network is gone")
      return fetchToken()
    })
    const channel = await join(state.socket, freshRoom("failing"))
    state.token = await fetchToken(EXPIRED)
    state.cut()
    await until("the next connection", () => state.opened === 2 && channel.state === "joined")
    assert.equal(fetched.length, 4)
  })

  test("another user's is refused, and changes nothing", async t => {
    const state = await open(t, newest, {})
    const replies = []
    state.socket.onMessage(({topic, event, payload}) => { if(topic === "phoenix" && event === "phx_reply") replies.push(payload) })
    keepTokenFresh(state.socket, async () => (await fetch(`${APP}/token/mallory/60`)).text())
    await until("the answer", () => replies.length === 1)
    assert.deepEqual(replies[0], {status: "error", response: {reason: "token refused"}})
    await until("the close", () => state.closed.length === 1)
    assert.deepEqual(state.closed, [1008])
  })
})
