// What phoenix.js uses of a page's XMLHttpRequest, which Node has not.

const DONE = 4

export class XMLHttpRequest{
  readyState = 0
  status = 0
  responseText = ""
  /** Milliseconds; 0 is no limit. */
  timeout = 0
  onreadystatechange = null
  onerror = null
  ontimeout = null
  #headers = {}
  #abort = new AbortController()

  open(method, url){
    this.method = method
    this.url = url
  }

  setRequestHeader(name, value){ this.#headers[name] = value }

  abort(){ this.#abort.abort() }

  async send(body){
    const late = this.timeout ? AbortSignal.timeout(this.timeout) : null
    const signal = AbortSignal.any([this.#abort.signal, late].filter(Boolean))
    try {
      // A GET with a body is an error to fetch, and has none in a page.
      const sent = this.method === "GET" ? {} : {body}
      const response = await fetch(this.url, {method: this.method, headers: this.#headers, signal, ...sent})
      this.responseText = await response.text()
      this.status = response.status
    } catch {
      if(this.#abort.signal.aborted) return
      return late?.aborted ? this.ontimeout?.() : this.onerror?.()
    }
    this.readyState = DONE
    this.onreadystatechange?.()
  }
}
