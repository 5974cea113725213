import type { ServerResponse } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import { timers } from '../timers.js'

// How long a peer that has been answered for the last time may take to end its side, in milliseconds: so long it holds
// up the server.
const LINGER = 5_000
// The same once the application closes.
const LINGER_WHILE_CLOSING = 500

/** What Node keeps on a connection, which types do not know. */
interface Connection extends Duplex {
  /** The response that a connection has now: it takes one at a time. */
  _httpMessage?: ServerResponse | null
  /** Of a TLS socket, the connection below it. */
  _parent?: Duplex
}

/**
 * The connections of the servers of an application that have not become sockets. A server waits for all of them when it
 * closes, but it looks no more after those that send nothing, half a head, or half a TLS handshake, and after sessions of
 * HTTP/2 that are idle.
 *
 *   connected ── 101, or somebody else's upgrade ──▶ forgotten
 *
 *   close(): idle for `patience` ──▶ destroyed
 *            request under way ── answered ──▶ destroyed when it is looked for next
 */
export class Connections {
  /** The connections, with the session of those that speak HTTP/2. */
  readonly #open = new Map<Connection, ServerHttp2Session | undefined>()
  /** Those that were answered for the last time. */
  readonly #ending = new Set<Duplex>()
  readonly #linger: number
  readonly #forget: (this: Duplex) => void
  /** The connection that was just accepted: its session follows within the same event. */
  #accepted: Duplex | undefined
  #isClosing = false
  #timer: NodeJS.Timeout | undefined

  /** @param patience how long a peer that was refused may take to end a connection, in milliseconds, if that is less than 5 s */
  constructor (patience = LINGER) {
    this.#linger = Math.min(LINGER, patience)
    const open = this.#open
    const ending = this.#ending
    this.#forget = function () {
      open.delete(this)
      ending.delete(this)
    }
  }

  /** How many there are. */
  get size (): number {
    return this.#open.size
  }

  /**
   * Notes the connections of a server from now on.
   * @returns a function that stops it
   */
  watch (server: Server): () => void {
    // Before the server makes a session of it.
    server.prependListener('connection', this.#connected)
    if (server instanceof TlsServer) server.prependListener('secureConnection', this.#secured)
    server.on('session', this.#began)
    return () => {
      server.off('connection', this.#connected)
      server.off('secureConnection', this.#secured)
      server.off('session', this.#began)
    }
  }

  readonly #connected = (connection: Connection): void => {
    this.#accepted = connection
    if (this.#open.has(connection)) return
    this.#open.set(connection, undefined)
    connection.on('close', this.#forget)
  }

  readonly #secured = (connection: Connection): void => {
    // Now the connection is this one, and what is under way on it is seen here only.
    if (connection._parent !== undefined) this.forget(connection._parent)
    this.#connected(connection)
  }

  readonly #began = (session: ServerHttp2Session): void => {
    const connection = this.#accepted
    this.#accepted = undefined
    if (connection === undefined || !this.#open.has(connection)) return
    this.#open.set(connection, session)
    if (this.#isClosing) session.close()
  }

  /** A connection is looked after by somebody else from now on. */
  forget (connection: Duplex): void {
    if (this.#open.delete(connection)) connection.off('close', this.#forget)
  }

  /** Ends a connection on which the last answer has been written. */
  end (connection: Duplex): void {
    // What the peer still sends is read and dropped: unread bytes would turn the end into a reset, and the answer be lost.
    connection.end()
    connection.resume()
    const linger = this.#isClosing ? Math.min(this.#linger, LINGER_WHILE_CLOSING) : this.#linger
    const timer = timers.setTimeout(() => { connection.destroy() }, linger)
    connection.once('end', () => { connection.destroy() })
    connection.once('close', () => { timers.clearTimeout(timer) })
    this.#ending.add(connection)
    connection.once('close', this.#forget)
  }

  /**
   * Takes no more streams on sessions, and destroys the connections without a request under way.
   * @param patience how long they may go on before, in milliseconds
   */
  close (patience: number): void {
    this.#isClosing = true
    for (const session of this.#open.values()) session?.close()
    const ending = [...this.#ending]
    timers.setTimeout(() => { for (const connection of ending) connection.destroy() }, Math.min(patience, LINGER_WHILE_CLOSING)).unref()
    this.#destroyIdle(patience)
  }

  /** Looks after them no more. */
  stop (): void {
    timers.clearTimeout(this.#timer)
  }

  #destroyIdle (patience: number): void {
    this.#timer = timers.setTimeout(() => {
      for (const [connection, session] of this.#open) {
        if (!isBusy(connection, session)) connection.destroy()
      }
      this.#destroyIdle(patience)
    }, patience).unref()
  }
}

/** Whether a request is under way. A session that has been closed is destroyed when its last stream is gone. */
function isBusy (connection: Connection, session: ServerHttp2Session | undefined): boolean {
  return session === undefined ? connection._httpMessage != null : !session.destroyed
}
