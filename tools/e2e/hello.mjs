// The hello app as a process that a test can stop and start again.
import {spawn} from "node:child_process"
import {once} from "node:events"
import net from "node:net"
import {until, within} from "./bounded.mjs"

/** Returns a port that is free at the moment. */
export async function freePort(){
  const server = net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const {port} = server.address()
  server.close()
  await once(server, "close")
  return port
}

function connects(port){
  return new Promise(resolve => {
    const socket = net.connect(port, "127.0.0.1")
    socket.on("connect", () => { socket.destroy(); resolve(true) })
    socket.on("error", () => resolve(false))
  })
}

export class Hello {
  #child = null
  #output = ""
  #env
  #descriptors

  /** With `descriptors`, the app may open no more files and sockets than these. */
  constructor(port, env = {}, {descriptors = null} = {}){
    this.#descriptors = descriptors
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.#env = env
  }

  /** Starts the app and waits until it listens. */
  async start(){
    const bin = process.env.HELLO_BIN
    if(!bin) throw new Error("HELLO_BIN is not set; run these tests with: cargo xtask test --only browser")
    const env = {...process.env, HOST: "127.0.0.1", PORT: String(this.port), ...this.#env}
    const [program, ...args] = this.#descriptors === null
      ? [bin]
      : ["sh", "-c", `ulimit -n ${this.#descriptors}; exec "$0"`, bin]
    const child = spawn(program, args, {env, stdio: ["ignore", "pipe", "pipe"]})
    this.#child = child
    process.on("exit", () => child.kill("SIGKILL"))
    for(const stream of [child.stdout, child.stderr]) stream.on("data", chunk => { this.#output += chunk })
    const listens = async () => {
      if(child.exitCode !== null) throw new Error(`the app ended with ${child.exitCode}: ${this.log()}`)
      return connects(this.port)
    }
    await until(`the app to listen on port ${this.port}`, listens, {show: () => this.log()})
    return this
  }

  /** Returns whether the app has been started and has not ended. */
  runs(){
    const child = this.#child
    return Boolean(child) && child.exitCode === null && child.signalCode === null
  }

  /** Returns the status of an app that has ended by itself. */
  exitCode(){
    return this.#child.exitCode
  }

  /** Sends a signal to the app, and does not wait for its effect. */
  signal(signal){
    this.#child.kill(signal)
  }

  /** Ends the app with `signal`, and waits until the process has ended. */
  async stop(signal = "SIGTERM"){
    if(!this.runs()) return
    const gone = once(this.#child, "exit")
    this.signal(signal)
    await within(`the app to end on ${signal}`, gone)
  }

  /** Returns the end of the app's output. */
  log(){
    return this.#output.split("\n").slice(-40).join("\n")
  }
}

/**
 * Returns the app for test `t`: the one that HELLO_URL names, else a new one that is stopped when
 * the test ends.
 */
export async function hello(t, env = {}){
  if(process.env.HELLO_URL) return {url: process.env.HELLO_URL, log: () => "(see the server's own log)"}
  const app = new Hello(await freePort(), env)
  t.after(() => app.stop())
  return app.start()
}
