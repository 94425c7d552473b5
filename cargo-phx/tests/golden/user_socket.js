// Connects the page to UserSocket. Use it in another script:
//
//     import socket from "./user_socket.js"
//
//     const channel = socket.channel("room:lobby", {})
//     channel.join().receive("error", ({reason}) => console.error(reason))
import {Socket} from "phoenix"

// Many clients that lose one server come back one after the other.
const withJitter = (waits, tries) => {
  const wait = waits[Math.min(tries, waits.length) - 1]
  return wait + Math.random() * Math.max(wait, 1000)
}

const socket = new Socket("/socket", {
  // As written, anyone can claim any user_id. `cargo phx gen auth` sends a token instead.
  params: {user_id: new URLSearchParams(window.location.search).get("name")},
  reconnectAfterMs: tries => withJitter([10, 50, 100, 250, 500, 1000, 2000, 5000], tries),
})
socket.connect()

export default socket
