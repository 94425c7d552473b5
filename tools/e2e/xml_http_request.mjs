// The part of a page's XMLHttpRequest that phoenix.js uses. Node has no XMLHttpRequest.

const DONE = 4

export class XMLHttpRequest{
  readyState = 0
  status = 0
  responseText = ""
  /** The timeout in milliseconds; 0 means no timeout. */
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
      // A page sends a GET without its body; fetch would fail.
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
