import WebSocket from 'ws'
import { GAP } from './verdict.js'

/** The part of LiveSocket that is used here: its types need those of browsers, which servers are compiled without. */
interface LiveSocketLike {
  onmessage: ((event: { readonly data: string }) => void) | null
  ongap: (() => void) | null
  addEventListener (type: 'subscribed', listener: () => void, options: { readonly once: true }): void
  close (): void
}

type LiveSocketClass = new (url: () => string, protocols: string[], options: object) => LiveSocketLike

const MODULE = new URL('../../client/live-socket.mjs', import.meta.url).href
const BACKOFF = { minBackoff: 200, maxBackoff: 1_000 }

/** Notes what a LiveSocket gets, in order. */
export class Client {
  readonly received: number[] = []
  /** The longest time without a message, in milliseconds. */
  longestStall = 0
  /** Messages that it is not waited for: they were lost, which clients were told or will be. */
  forgiven = 0
  /** Whether it was stalled on purpose. */
  wasStalled = false
  #lastAt = 0
  #socket: LiveSocketLike | undefined
  #connection: WebSocket | undefined

  /**
   * Resolves when the client follows the topic.
   * @param port called for each connection: the port of a server process that is up
   * @param noticed called for each message and gap
   */
  async open (port: () => number, noticed: (message: number) => void): Promise<void> {
    const { LiveSocket } = await import(MODULE) as { LiveSocket: LiveSocketClass }
    const opened = (connection: WebSocket): void => { this.#connection = connection }
    class Connection extends WebSocket {
      constructor (url: string, protocols: string[]) {
        super(url, protocols, { perMessageDeflate: false })
        opened(this)
      }
    }
    const note = (message: number): void => {
      this.received.push(message)
      noticed(message)
    }
    const socket = new LiveSocket(() => `ws://127.0.0.1:${port()}/faults`, [], { WebSocket: Connection, ...BACKOFF })
    this.#socket = socket
    socket.onmessage = ({ data }) => {
      this.#measure()
      note(Number.parseInt(data, 10))
    }
    socket.ongap = () => { note(GAP) }
    await new Promise<void>((resolve) => { socket.addEventListener('subscribed', resolve, { once: true }) })
  }

  /** Stops reading, as a client in a tunnel does. */
  stall (): void {
    this.wasStalled = true
    this.#connection?.pause()
  }

  goOn (): void {
    this.#connection?.resume()
  }

  close (): void {
    this.#socket?.close()
    this.#connection?.terminate()
  }

  #measure (): void {
    const now = performance.now()
    if (this.#lastAt > 0) this.longestStall = Math.max(this.longestStall, now - this.#lastAt)
    this.#lastAt = now
  }
}
