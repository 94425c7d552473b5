// A relay in front of a server. Its connections can be cut as a network does it: no close frame
// comes, and the code of a WebSocket's close is 1006.
import net from "node:net"

/** Starts a relay to the server at `address`. It ends with the test. */
export async function relayTo(t, address){
  const {hostname, port} = new URL(address)
  const open = new Set()
  const cut = () => open.forEach(stream => stream.destroy())
  const server = net.createServer(client => {
    const upstream = net.connect(Number(port), hostname)
    for(const [from, to] of [[client, upstream], [upstream, client]]){
      open.add(from)
      from.on("error", () => {})
      from.on("close", () => {
        open.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  await new Promise(resolve => server.listen(0, "127.0.0.1", resolve))
  t.after(() => {
    server.close()
    cut()
  })
  return {address: `http://127.0.0.1:${server.address().port}`, cut}
}
