// The guide's page with phoenix.js's older functions. The tests serve it in place of the app's
// own app.js.
import {Socket, Presence} from "phoenix"

const name = new URLSearchParams(window.location.search).get("name")
const socket = new Socket("/socket", {params: {user_id: name}})
const channel = socket.channel("room:lobby", {})
let presences = {}

function render(){
  const lines = Presence.list(presences, (id, {metas}) => {
    const line = document.createElement("div")
    line.textContent = `${id} (count: ${metas.length})`
    return line
  })
  document.querySelector("main[role=main]").replaceChildren(...lines)
}

channel.on("presence_state", state => {
  presences = Presence.syncState(presences, state)
  render()
})

channel.on("presence_diff", diff => {
  presences = Presence.syncDiff(presences, diff)
  render()
})

socket.connect()
channel.join()
