import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { timers } from '../timers.js'

// What a peer may send before it has to wait for us to have read it, in bytes. HTTP/2 begins with 64 KiB, which over a
// distance of 100 ms is 640 KiB a second. As much can wait in memory for each socket that is paused.
const STREAM_WINDOW = 262_144
const SESSION_WINDOW = 1_048_576
const DEFAULT_WINDOW = 65_535

// How long a peer may take to close a connection that is over, and to answer a ping on one that is not, in milliseconds.
const PATIENCE = 5_000

/** What is kept of a session that had a handshake. */
interface Carrier {
  readonly session: ServerHttp2Session
  /** What it runs on, as far as that is known. */
  readonly connection: Socket | undefined
  /** How many sockets are open on it. */
  sockets: number
  /** What its idle timeout was before there were sockets, in milliseconds. */
  timeout: number
  /** How long the peer may take to close it when it is over, in milliseconds. */
  patience: number
  /** That to the ping of HTTP/2 which is sent when it closes: whoever is there gives it. */
  answer: 'none' | 'awaited' | 'given'
  linger: NodeJS.Timeout | undefined
}

const carrier = Symbol('carrier')

/** A stream finds its session here when it is gone. */
interface CarriedStream extends ServerHttp2Stream {
  [carrier]?: Carrier
}

/**
 * The connections of HTTP/2 that carry sockets, and other streams beside them.
 *
 *   handshake ──▶ idle timeout runs ── first socket opens ──▶ no idle timeout, larger windows
 *                        ▲                                              │
 *                        └────────── last socket is gone ◀──────────────┘
 *
 *   close():  PING, GOAWAY ── last stream is gone ──▶ FIN ── the peer does not close ──▶ destroyed
 *                └── no answer ──▶ destroyed
 */
export class Sessions {
  readonly #carriers = new Map<ServerHttp2Session, Carrier>()
  /** The connection that was just accepted: its session follows within the same event. */
  #accepted: Socket | undefined
  readonly #connections = new WeakMap<ServerHttp2Session, Socket>()
  /** Once it closes, that of those which come late as well. */
  #patience: number | undefined

  /** A connection was accepted. To be told before the server makes a session of it. */
  readonly connected = (connection: Socket): void => { this.#accepted = connection }

  /** A session was made of the last connection. */
  readonly began = (session: ServerHttp2Session): void => {
    if (this.#accepted !== undefined) this.#connections.set(session, this.#accepted)
    this.#accepted = undefined
  }

  /** What a session runs on, as far as that is known. */
  connectionOf (session: ServerHttp2Session): Socket | undefined {
    return this.#connections.get(session)
  }

  /** A handshake came. */
  note (session: ServerHttp2Session): void {
    if (this.#carriers.has(session)) return
    const added: Carrier = { session, connection: this.connectionOf(session), sockets: 0, timeout: 0, patience: PATIENCE, answer: 'none', linger: undefined }
    this.#carriers.set(session, added)
    session.once('close', () => {
      timers.clearTimeout(added.linger)
      this.#carriers.delete(session)
    })
    if (this.#patience === undefined) widen(session)
    else end(added, this.#patience)
  }

  /** A socket was opened on a stream. */
  enter (stream: CarriedStream): void {
    const entered = this.#carriers.get(stream.session as ServerHttp2Session)
    if (entered === undefined) return
    if (entered.sockets++ === 0) {
      // Neither an idle socket nor its session is to end because nothing is said.
      entered.timeout = (entered.session as { timeout?: number }).timeout ?? 0
      entered.session.setTimeout(0)
    }
    stream[carrier] = entered
    stream.on('close', leave)
  }

  /**
   * Takes no more streams on them, and ends each when its last stream is gone.
   * @param patience how long a peer may then take to close the connection, in milliseconds
   */
  close (patience = PATIENCE): void {
    this.#patience = patience
    for (const closing of this.#carriers.values()) end(closing, patience)
  }
}

// Shared by all streams, so that an idle socket holds no closure.
function leave (this: CarriedStream): void {
  const left = this[carrier] as Carrier
  if (--left.sockets > 0) return
  if (!left.session.closed) left.session.setTimeout(left.timeout)
  // The socket had to be cut, and nobody was there all the time.
  else if (left.answer === 'awaited' && this.rstCode !== 0) left.connection?.destroy()
  else linger(left)
}

function end (closing: Carrier, patience: number): void {
  closing.patience = patience
  ask(closing)
  closing.session.close()
  if (closing.sockets === 0) linger(closing)
}

function ask (closing: Carrier): void {
  if (closing.session.destroyed) return
  closing.answer = 'awaited'
  // With an error when the session ends before.
  closing.session.ping((error) => { if (error === null) closing.answer = 'given' })
}

// A session that is closed waits for its peer to close the connection too, and with bytes for it that cannot leave it
// does not even get there; a server waits for its sessions, for ever.
function linger (closing: Carrier): void {
  timers.clearTimeout(closing.linger)
  closing.linger = timers.setTimeout(() => {
    if (closing.session.destroyed || closing.answer === 'awaited') {
      closing.connection?.destroy()
      return
    }
    // Other streams may go on. (A second ping would not be sent: Node has closed the session.)
    linger(closing)
  }, closing.patience).unref()
}

/** Lets more come at a time, where the application has not said how much. */
function widen (session: ServerHttp2Session): void {
  if (session.pendingSettingsAck) {
    // What holds is not known before, and there may be no more settings under way than `maxOutstandingSettings`.
    session.once('localSettings', () => { widen(session) })
    return
  }
  const { localSettings, state } = session
  if (localSettings.initialWindowSize === DEFAULT_WINDOW) session.settings({ initialWindowSize: STREAM_WINDOW })
  if (state.effectiveLocalWindowSize === DEFAULT_WINDOW) session.setLocalWindowSize(SESSION_WINDOW)
}
