// A proxy that lets no WebSocket through, as some networks do.
import http from "node:http"

/** Starts one before the app at `url`, until test `t` ends; resolves with its address and how many WebSockets it cut off. */
export async function noWebSockets(t, url){
  const cut = {count: 0}
  const proxy = http.createServer((request, response) => {
    const {method, headers} = request
    const forwarded = http.request(new URL(request.url, url), {method, headers}, answer => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    forwarded.on("error", () => response.destroy())
    // A poll that is given up on one side is so on the other.
    response.on("close", () => forwarded.destroy())
    request.pipe(forwarded)
  })
  proxy.on("upgrade", (_, connection) => {
    cut.count++
    connection.destroy()
  })
  await new Promise(listening => proxy.listen(0, "127.0.0.1", listening))
  t.after(() => {
    proxy.close()
    proxy.closeAllConnections()
  })
  return {url: `http://127.0.0.1:${proxy.address().port}`, cut}
}
