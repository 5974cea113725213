import type { ServerResponse } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import { timers } from '../timers.js'

// How long a peer may take to end its side after the last response, in milliseconds. It delays the close of the server.
const END_TIMEOUT = 5_000
// The same while the application closes.
const END_TIMEOUT_WHILE_CLOSING = 500

/** A connection with the private fields of Node that its types omit. */
interface Connection extends Duplex {
  /** The response that is using the connection. */
  _httpMessage?: ServerResponse | null
  /** The connection below a TLS socket. */
  _parent?: Duplex
}

/**
 * The connections of an application's servers that are not WebSockets. When a server closes, it waits for all of them,
 * but no longer applies its timeouts to idle connections, incomplete heads, incomplete TLS handshakes and idle HTTP/2
 * sessions.
 *
 *   connected ── 101, or an upgrade of another listener ──▶ forgotten
 *
 *   close(): idle for `timeout` ──▶ destroyed
 *            request in progress ── answered ──▶ destroyed at the next check
 */
export class Connections {
  /** The open connections, each with its HTTP/2 session if it has one. */
  readonly #open = new Map<Connection, ServerHttp2Session | undefined>()
  /** The connections that have had their last response. */
  readonly #ending = new Set<Duplex>()
  readonly #endTimeout: number
  readonly #forget: (this: Duplex) => void
  /** The connection accepted last. Node emits 'session' for it within the same event. */
  #accepted: Duplex | undefined
  #isClosing = false
  #timer: NodeJS.Timeout | undefined

  /** @param endTimeout how long a refused peer may take to end its connection, in milliseconds, at most 5,000 */
  constructor (endTimeout = END_TIMEOUT) {
    this.#endTimeout = Math.min(END_TIMEOUT, endTimeout)
    const open = this.#open
    const ending = this.#ending
    this.#forget = function () {
      open.delete(this)
      ending.delete(this)
    }
  }

  get size (): number {
    return this.#open.size
  }

  /**
   * Tracks the connections that a server accepts from now on.
   * @returns a function that stops it
   */
  watch (server: Server): () => void {
    // Before the server's own listener, which creates the session.
    server.prependListener('connection', this.#onConnection)
    if (server instanceof TlsServer) server.prependListener('secureConnection', this.#onSecureConnection)
    server.on('session', this.#onSession)
    return () => {
      server.off('connection', this.#onConnection)
      server.off('secureConnection', this.#onSecureConnection)
      server.off('session', this.#onSession)
    }
  }

  readonly #onConnection = (connection: Connection): void => {
    this.#accepted = connection
    if (this.#open.has(connection)) return
    this.#open.set(connection, undefined)
    connection.on('close', this.#forget)
  }

  readonly #onSecureConnection = (connection: Connection): void => {
    // Node keeps `_httpMessage` on the TLS socket, so track that in place of the connection below it.
    if (connection._parent !== undefined) this.forget(connection._parent)
    this.#onConnection(connection)
  }

  readonly #onSession = (session: ServerHttp2Session): void => {
    const connection = this.#accepted
    this.#accepted = undefined
    if (connection === undefined || !this.#open.has(connection)) return
    this.#open.set(connection, session)
    if (this.#isClosing) session.close()
  }

  /** Stops tracking a connection, which has another owner now. */
  forget (connection: Duplex): void {
    if (this.#open.delete(connection)) connection.off('close', this.#forget)
  }

  /** Ends a connection after its last response. */
  end (connection: Duplex): void {
    // Read and drop further input: unread bytes turn the end into a reset, which can destroy the response on its way.
    connection.end()
    connection.resume()
    const timeout = this.#isClosing ? Math.min(this.#endTimeout, END_TIMEOUT_WHILE_CLOSING) : this.#endTimeout
    const timer = timers.setTimeout(() => { connection.destroy() }, timeout)
    connection.once('end', () => { connection.destroy() })
    connection.once('close', () => { timers.clearTimeout(timer) })
    this.#ending.add(connection)
    connection.once('close', this.#forget)
  }

  /**
   * Closes the HTTP/2 sessions, which then accept no new streams, and destroys the connections without a request in
   * progress: after `timeout`, and again at that interval.
   * @param timeout in milliseconds
   */
  close (timeout: number): void {
    this.#isClosing = true
    for (const session of this.#open.values()) session?.close()
    const ending = [...this.#ending]
    const destroyEnding = (): void => { for (const connection of ending) connection.destroy() }
    timers.setTimeout(destroyEnding, Math.min(timeout, END_TIMEOUT_WHILE_CLOSING)).unref()
    this.#destroyIdle(timeout)
  }

  /** Stops the checks that `close()` started. */
  stop (): void {
    timers.clearTimeout(this.#timer)
  }

  #destroyIdle (timeout: number): void {
    this.#timer = timers.setTimeout(() => {
      for (const [connection, session] of this.#open) {
        if (!isBusy(connection, session)) connection.destroy()
      }
      this.#destroyIdle(timeout)
    }, timeout).unref()
  }
}

/** Whether a request is in progress. A closed session is destroyed when its last stream has ended. */
function isBusy (connection: Connection, session: ServerHttp2Session | undefined): boolean {
  return session === undefined ? connection._httpMessage != null : !session.destroyed
}
