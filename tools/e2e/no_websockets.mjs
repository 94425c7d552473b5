// A proxy that rejects WebSockets, as some networks do.
import http from "node:http"

/**
 * Starts a proxy to the app at `url`. It runs until test `t` ends. Resolves with the proxy's
 * address, and with the count of WebSockets that it has rejected.
 */
export async function noWebSockets(t, url){
  const cut = {count: 0}
  const proxy = http.createServer((request, response) => {
    const {method, headers} = request
    const forwarded = http.request(new URL(request.url, url), {method, headers}, answer => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    forwarded.on("error", () => response.destroy())
    // A poll that the client gives up is given up at the app too.
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
