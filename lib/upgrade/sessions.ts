import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { timers } from '../timers.js'

// Flow control windows, in bytes. The default of HTTP/2, 64 KiB, limits a connection with 100 ms of latency to 640 KiB
// per second. A paused socket can hold a whole window in memory.
const STREAM_WINDOW = 262_144
const SESSION_WINDOW = 1_048_576
const DEFAULT_WINDOW = 65_535

// How long a peer may take to close a finished connection, and to answer the ping before that, in milliseconds.
const CLOSE_TIMEOUT = 5_000

/** A session that had a handshake. */
interface TrackedSession {
  readonly session: ServerHttp2Session
  /** Undefined if the session existed before `onConnection` was installed. */
  readonly connection: Socket | undefined
  /** The number of open sockets. */
  sockets: number
  /** The idle timeout that the session had before its first socket, in milliseconds. */
  idleTimeout: number
  /** How long the peer may take to close the finished connection, in milliseconds. */
  closeTimeout: number
  /** The state of the HTTP/2 ping that is sent when the session closes. */
  ping: 'none' | 'sent' | 'answered'
  closeTimer: NodeJS.Timeout | undefined
}

const trackedSession = Symbol('trackedSession')

/** A stream with a socket. */
interface SocketStream extends ServerHttp2Stream {
  [trackedSession]?: TrackedSession
}

/**
 * The HTTP/2 sessions that carry sockets, beside other streams.
 *
 *   handshake ──▶ idle timeout runs ── first socket opens ──▶ no idle timeout, larger windows
 *                        ▲                                              │
 *                        └─────────── last socket closes ◀──────────────┘
 *
 *   close():  PING, GOAWAY ── last stream closes ──▶ FIN ── the peer does not close ──▶ destroyed
 *                └── no answer ──▶ destroyed
 */
export class Sessions {
  readonly #tracked = new Map<ServerHttp2Session, TrackedSession>()
  /** The connection accepted last. Node emits 'session' for it within the same event. */
  #accepted: Socket | undefined
  readonly #connections = new WeakMap<ServerHttp2Session, Socket>()
  /** Set by `close()`, for sessions that are tracked later as well. */
  #closeTimeout: number | undefined

  /** The listener for accepted connections. It must run before the server's own, which creates the session. */
  readonly onConnection = (connection: Socket): void => { this.#accepted = connection }

  /** The listener for 'session'. */
  readonly onSession = (session: ServerHttp2Session): void => {
    if (this.#accepted !== undefined) this.#connections.set(session, this.#accepted)
    this.#accepted = undefined
  }

  /** Returns the connection of a session; undefined if the session existed before `onConnection` was installed. */
  connectionOf (session: ServerHttp2Session): Socket | undefined {
    return this.#connections.get(session)
  }

  /** Tracks the session of a handshake. */
  track (session: ServerHttp2Session): void {
    if (this.#tracked.has(session)) return
    const tracked: TrackedSession = {
      session,
      connection: this.connectionOf(session),
      sockets: 0,
      idleTimeout: 0,
      closeTimeout: CLOSE_TIMEOUT,
      ping: 'none',
      closeTimer: undefined
    }
    this.#tracked.set(session, tracked)
    session.once('close', () => {
      timers.clearTimeout(tracked.closeTimer)
      this.#tracked.delete(session)
    })
    if (this.#closeTimeout === undefined) enlargeWindows(session)
    else closeSession(tracked, this.#closeTimeout)
  }

  /** Counts a socket that was opened on a stream, until the stream closes. */
  addSocket (stream: SocketStream): void {
    const tracked = this.#tracked.get(stream.session as ServerHttp2Session)
    if (tracked === undefined) return
    if (tracked.sockets++ === 0) {
      // The heartbeat checks sockets. An idle one must not end the session.
      tracked.idleTimeout = (tracked.session as { timeout?: number }).timeout ?? 0
      tracked.session.setTimeout(0)
    }
    stream[trackedSession] = tracked
    stream.on('close', removeSocket)
  }

  /**
   * Closes the sessions: they accept no new streams, and end with their last stream.
   * @param timeout how long a peer may then take to close the connection, in milliseconds
   */
  close (timeout = CLOSE_TIMEOUT): void {
    this.#closeTimeout = timeout
    for (const tracked of this.#tracked.values()) closeSession(tracked, timeout)
  }
}

// Shared by all streams, so that an idle socket needs no closure.
function removeSocket (this: SocketStream): void {
  const tracked = this[trackedSession] as TrackedSession
  if (--tracked.sockets > 0) return
  if (!tracked.session.closed) tracked.session.setTimeout(tracked.idleTimeout)
  // The stream was reset and the ping has no answer: the peer is gone.
  else if (tracked.ping === 'sent' && this.rstCode !== 0) tracked.connection?.destroy()
  else startCloseTimer(tracked)
}

function closeSession (tracked: TrackedSession, timeout: number): void {
  tracked.closeTimeout = timeout
  sendPing(tracked)
  tracked.session.close()
  if (tracked.sockets === 0) startCloseTimer(tracked)
}

function sendPing (tracked: TrackedSession): void {
  if (tracked.session.destroyed) return
  tracked.ping = 'sent'
  // The callback gets an error if the session ends first.
  tracked.session.ping((error) => { if (error === null) tracked.ping = 'answered' })
}

// A closed session waits for the peer to close the connection, without a limit, and the server waits for the session.
function startCloseTimer (tracked: TrackedSession): void {
  timers.clearTimeout(tracked.closeTimer)
  tracked.closeTimer = timers.setTimeout(() => {
    if (tracked.session.destroyed || tracked.ping === 'sent') {
      tracked.connection?.destroy()
      return
    }
    // Other streams may be open. (Node sends no second ping on a closed session.)
    startCloseTimer(tracked)
  }, tracked.closeTimeout).unref()
}

/** Enlarges the flow control windows that still have their defaults. */
function enlargeWindows (session: ServerHttp2Session): void {
  if (session.pendingSettingsAck) {
    // Until then the current settings are unknown, and `maxOutstandingSettings` limits how many may be pending.
    session.once('localSettings', () => { enlargeWindows(session) })
    return
  }
  const { localSettings, state } = session
  if (localSettings.initialWindowSize === DEFAULT_WINDOW) session.settings({ initialWindowSize: STREAM_WINDOW })
  if (state.effectiveLocalWindowSize === DEFAULT_WINDOW) session.setLocalWindowSize(SESSION_WINDOW)
}
