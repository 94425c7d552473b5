// The page: who is here, and a line to talk in. Names and messages are shown with textContent and
// dataset, never with innerHTML: a user may have typed HTML.
import {Socket, Presence} from "phoenix"

const TOPIC = "room:lobby"
// Older lines of the conversation are removed.
const MOST_LINES = 300
// The waits before each try, in milliseconds, to which a random part is added.
const RECONNECT_AFTER = [10, 50, 100, 250, 500, 1000, 2000, 5000]
const REJOIN_AFTER = [1000, 2000, 5000, 10000]

const find = selector => document.querySelector(selector)
const main = find("main[role=main]")
const name = new URLSearchParams(location.search).get("name")?.trim()

if (name) {
  joinRoom(name)
} else {
  show("welcome")
  find("#name").focus()
}

// Shows one view of the page: "room", "welcome" or "setup".
function show(view) {
  document.body.dataset.view = view
  for (const id of ["welcome", "setup"]) find(`#${id}`).hidden = id !== view
  for (const part of [main, find("#room"), find("#summary")]) part.hidden = view !== "room"
  find("#connection").hidden = view === "welcome"
}

function joinRoom(name) {
  show("room")
  const connection = connectionView(() => socket.disconnect(() => socket.connect()))
  const socket = new Socket("/socket", {
    params: {user_id: name},
    // Many clients that lose one server come back one after the other.
    reconnectAfterMs: tries => connection.triesIn(withJitter(RECONNECT_AFTER, tries)),
    rejoinAfterMs: tries => connection.triesIn(withJitter(REJOIN_AFTER, tries)),
  })
  const channel = socket.channel(TOPIC, {})
  const presence = new Presence(channel)
  const people = peopleView(name)

  presence.onSync(() => people.show(presence))
  channel.on("shout", ({user_id, body}) => addMessage(user_id, body, user_id === name))

  let opened = false
  socket.onOpen(() => {
    opened = true
    connection.show("connecting", "Joining")
  })
  socket.onClose(async () => {
    connection.show("reconnecting", "Reconnecting")
    const status = opened ? null : await refusal({user_id: name})
    opened = false
    if (!status || socket.isConnected()) return
    connection.show("refused", `Refused (${status})`)
    if (status === 404) showSetup("This app has no socket yet")
  })
  channel.join()
    .receive("ok", () => {
      show("room")
      connection.show("connected", "Connected")
    })
    .receive("error", ({reason}) => {
      connection.show("refused", `Cannot join: ${reason}`)
      if (reason === "unmatched topic") showSetup(`This app has no channel for ${TOPIC} yet`)
    })
  channel.onError(() => connection.show("reconnecting", "Reconnecting"))
  channel.onClose(() => connection.show("refused", "Closed by the server"))
  // The wire does not say why: a handler failed, or knows no such event. The server's log does.
  socket.onMessage(({topic, event}) => {
    if (topic !== TOPIC || event !== "phx_error") return
    addNote("The server ended the channel. Its log says why")
    const reason = "it failed, or has no handler for an event of this page"
    console.error(`${TOPIC} ended by the server: ${reason}`)
  })

  find("#talk").addEventListener("submit", event => {
    event.preventDefault()
    const message = find("#message")
    if (!channel.isJoined()) return addNote("Not sent: there is no connection")
    channel.push("shout", {body: message.value})
      .receive("error", ({reason}) => addNote(`Not sent: ${reason}`))
    message.value = ""
  })

  socket.connect()
}

// Returns the wait before a try, and up to as long again: at least a second for all clients to
// spread over.
function withJitter(waits, tries) {
  const wait = waits[tries - 1] ?? waits.at(-1)
  return wait + Math.random() * Math.max(wait, 1000)
}

// Returns the status with which the server refuses a connection, or null. A browser does not tell
// it of a WebSocket, so the page asks the socket's path itself.
async function refusal(params) {
  try {
    const headers = {accept: "application/json"}
    const {status} = await fetch(`/socket?${new URLSearchParams(params)}`, {headers})
    return status >= 400 && status < 500 ? status : null
  } catch {
    return null // The server cannot be reached.
  }
}

function showSetup(missing) {
  find("#missing").textContent = missing
  show("setup")
}

// Shows the state of the connection, with the time until the next try.
function connectionView(retry) {
  const element = find("#connection")
  const status = find("#connection [role=status]")
  let next = 0

  // Screen readers are told of a new state, not of each second.
  setInterval(() => {
    const waits = ["reconnecting", "refused"].includes(element.dataset.state)
    const seconds = waits ? Math.ceil((next - Date.now()) / 1000) : 0
    find("#countdown").textContent = seconds > 0 ? `retry in ${seconds} s` : ""
    find("#retry").hidden = seconds < 2
  }, 250)
  find("#retry").addEventListener("click", retry)

  return {
    show(state, text) {
      element.dataset.state = state
      if (status.textContent !== text) status.textContent = text
    },
    triesIn(ms) {
      next = Date.now() + ms
      return ms
    },
  }
}

// Lists the users, one row for each. A row that is new or has changed is a new element, which the
// style sheet lights up.
function peopleView(me) {
  const list = document.createElement("ul")
  const rows = new Map()
  let synced = false

  function row(id, metas) {
    const item = document.createElement("li")
    item.textContent = `${id} (count: ${metas.length})`
    item.dataset.initial = [...id][0].toUpperCase()
    item.dataset.refs = metas.map(({phx_ref}) => phx_ref).join()
    item.style.setProperty("--hue", hue(id))
    if (id === me) item.dataset.you = "you"
    // A device is drawn by the style sheet, so that the text of the list stays the line above.
    const devices = document.createElement("span")
    devices.append(...metas.map(device))
    item.append(devices)
    return item
  }

  function device({online_at}) {
    const time = document.createElement("time")
    const since = new Date(online_at * 1000)
    if (isNaN(since)) return time
    time.dateTime = since.toISOString()
    time.dataset.since = clock(since)
    return time
  }

  return {
    show(presence) {
      if (!synced) main.replaceChildren(list)
      const present = new Map(presence.list((id, {metas}) => [id, row(id, metas)]))
      for (const [id, item] of rows) {
        if (present.has(id)) continue
        item.remove()
        rows.delete(id)
        addNote(`${id} left`)
      }
      for (const [id, item] of present) {
        const shown = rows.get(id)
        if (shown?.dataset.refs === item.dataset.refs) continue
        if (shown) shown.replaceWith(item)
        else list.append(item)
        if (synced && !shown) addNote(`${id} joined`)
        rows.set(id, item)
      }
      synced = true
      const people = count(rows.size, "person", "people")
      const devices = count(list.querySelectorAll("time").length, "device", "devices")
      find("#summary").textContent = `${people} here, on ${devices}`
    },
  }
}

function addMessage(from, body, mine) {
  const line = document.createElement("p")
  const author = document.createElement("strong")
  const text = document.createElement("span")
  author.textContent = from
  author.style.setProperty("--hue", hue(from))
  text.textContent = body
  line.className = mine ? "mine" : "theirs"
  line.append(author, now(), text)
  addLine(line)
}

function addNote(text) {
  const line = document.createElement("p")
  line.className = "note"
  line.append(`${text} `, now())
  addLine(line)
}

function addLine(line) {
  const log = find("#log")
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 50
  log.append(line)
  if (log.childElementCount > MOST_LINES) log.firstElementChild.remove()
  // Whoever reads older lines stays there.
  if (atEnd) log.scrollTop = log.scrollHeight
}

function now() {
  const time = document.createElement("time")
  time.dateTime = new Date().toISOString()
  time.textContent = clock(new Date())
  return time
}

// Returns the time of day, with the date if it is not today.
function clock(date) {
  const today = date.toDateString() === new Date().toDateString()
  const day = today ? {} : {day: "numeric", month: "short"}
  return date.toLocaleString("en", {hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...day})
}

function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`
}

// Returns a colour for a name, the same on every page. Similar names have different colours.
function hue(name) {
  const sum = [...String(name)].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7)
  return sum * 137 % 360
}
