import WebSocket from 'ws'
import { GAP } from './verdict.js'

/** The members of LiveSocket that are used here. Its own declarations need the types of browsers. */
interface LiveSocketLike {
  onmessage: ((event: { readonly data: string }) => void) | null
  ongap: (() => void) | null
  addEventListener (type: 'subscribed', listener: () => void, options: { readonly once: true }): void
  close (): void
}

type LiveSocketClass = new (url: () => string, protocols: string[], options: object) => LiveSocketLike

const MODULE = new URL('../../client/live-socket.mjs', import.meta.url).href
const BACKOFF = { minBackoff: 200, maxBackoff: 1_000 }

/** Records the messages and gaps that a LiveSocket receives, in order. */
export class Client {
  readonly received: number[] = []
  /** The longest time without a message, in milliseconds. */
  longestStall = 0
  /** Missing messages that the load no longer waits for. */
  writtenOff = 0
  /** Whether `stall()` was called. */
  wasStalled = false
  #lastAt = 0
  #socket: LiveSocketLike | undefined
  #connection: WebSocket | undefined

  /**
   * Resolves when the client follows the topic.
   * @param port called for each connection, returns the port of a running server process
   * @param onReceive called for each message and gap
   */
  async open (port: () => number, onReceive: () => void): Promise<void> {
    const { LiveSocket } = await import(MODULE) as { LiveSocket: LiveSocketClass }
    const opened = (connection: WebSocket): void => { this.#connection = connection }
    class Connection extends WebSocket {
      constructor (url: string, protocols: string[]) {
        super(url, protocols, { perMessageDeflate: false })
        opened(this)
      }
    }
    const receive = (message: number): void => {
      this.received.push(message)
      onReceive()
    }
    const socket = new LiveSocket(() => `ws://127.0.0.1:${port()}/faults`, [], { WebSocket: Connection, ...BACKOFF })
    this.#socket = socket
    socket.onmessage = ({ data }) => {
      this.#measure()
      receive(Number.parseInt(data, 10))
    }
    socket.ongap = () => { receive(GAP) }
    await new Promise<void>((resolve) => { socket.addEventListener('subscribed', resolve, { once: true }) })
  }

  /** Stops reading from the connection, as a client that has lost its network. */
  stall (): void {
    this.wasStalled = true
    this.#connection?.pause()
  }

  resume (): void {
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
