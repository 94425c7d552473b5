import {Socket, Presence} from "phoenix"

const main = document.querySelector("main[role=main]")
const name = new URLSearchParams(window.location.search).get("name")

// Shows a line for each user, with the number of their tabs and devices.
function renderOnlineUsers(presence) {
  const lines = presence.list((id, {metas}) => `${id} (count: ${metas.length})`)
  // textContent, not innerHTML: a user may have typed HTML as a name.
  main.textContent = lines.join("\n")
}

function joinRoom(name) {
  const socket = new Socket("/socket", {params: {user_id: name}})
  const channel = socket.channel("room:lobby", {})
  const presence = new Presence(channel)

  presence.onSync(() => renderOnlineUsers(presence))

  socket.connect()
  channel.join().receive("error", ({reason}) => {
    main.textContent = `Cannot join the room: ${reason}`
  })
}

if (name) {
  joinRoom(name)
} else {
  main.textContent = "Say who you are in the address, for example /?name=Alice"
}
