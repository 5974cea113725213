import { isUtf8 } from 'node:buffer'
import { EventEmitter } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { DeflateOptions } from '../deflate/settings.js'
import { InvalidText, ServerNotRunning } from '../errors.js'
import { PreparedMessage } from '../codec/prepared-message.js'
import { Metrics, type WireMetrics } from './metrics.js'
import { RefusalLog } from './refusal-log.js'
import { isHixie } from '../versions.js'
import { CloseListeners } from '../socket/close-listeners.js'
import { isBinaryByDefault, toBuffer, type Sendable } from '../socket/sendable.js'
import type { TypedEmitter, Unchecked } from '../socket/emitter.js'
import { outbound, type WireSocket } from '../socket/socket.js'
import { PreparedValue, type Value } from '../socket/values.js'
import { nextTick } from '../timers.js'
import type { WebSocket } from '../socket/ws-socket.js'
import type { AnySocket } from '../socket/typed-socket.js'

const NO_OPTIONS = {}

export interface ClientInfo {
  /** The Origin header, or that of the older drafts. */
  readonly origin: string
  /** Whether the connection is encrypted. */
  readonly secure: boolean
  readonly req: IncomingMessage
}

/** Says whether a client may connect: by what it returns or, when it has a second parameter, through that callback. */
export type VerifyClient = (
  info: ClientInfo,
  callback: (accepted: boolean, status?: number, message?: string, headers?: OutgoingHttpHeaders) => void
) => boolean | void

/** Picks one of the subprotocols that the client offered, or none. */
export type HandleProtocols = (offered: Set<string>, request: IncomingMessage) => string | false

/**
 * The options of the server of `ws`, as @fastify/websocket takes them. `verifyClient` and `handleProtocols` are read at
 * each handshake, so they may be assigned later.
 */
export interface WireServerOptions {
  /** The largest message received, in bytes. The plugin's `maxPayload` goes before it. */
  maxPayload?: number | undefined
  verifyClient?: VerifyClient | undefined
  /** Asked where neither the route nor the plugin says which `protocols` are spoken. */
  handleProtocols?: HandleProtocols | undefined
  /** Whether and how messages are compressed. The plugin's `perMessageDeflate` goes before it. */
  perMessageDeflate?: boolean | DeflateOptions | undefined
  /** Whether `clients` holds the open sockets. Default true. */
  clientTracking?: boolean | undefined
  /** The server whose upgrades are answered. Default: that of the application. */
  server?: HttpServer | HttpsServer | undefined
  /** Refused: the plugin answers the upgrades of a server, that is what it is for. */
  noServer?: boolean | undefined
  /** Taken for compatibility, with a warning: the URL of a socket is that of its route. */
  path?: string | undefined
  /** Taken for compatibility: the application listens. */
  host?: string | undefined
  /** Taken for compatibility: the application listens. */
  port?: number | undefined
  /** Taken for compatibility: the application listens. */
  backlog?: number | undefined
  /** Taken for compatibility: a ping is always answered. */
  autoPong?: boolean | undefined
  /** Taken for compatibility: text is always checked. */
  skipUTF8Validation?: boolean | undefined
  /** Taken for compatibility: events are always synchronous. */
  allowSynchronousEvents?: boolean | undefined
  /** Taken for compatibility: a socket is a WireSocket. */
  WebSocket?: Unchecked
}

export interface WireServerEvents {
  /** A socket is open; its route's handler follows. */
  connection: [socket: WireSocket, request: IncomingMessage]
  /** The head of the 101, line by line; lines may be added. */
  headers: [lines: string[], request: IncomingMessage]
  error: [error: Error]
  /** Closed by `close()`, and the last socket is gone. */
  close: []
}

export interface MessageOptions {
  /** Whether the message is binary. Default: false for a string, true for all else. */
  binary?: boolean | undefined
  /** Whether it may be compressed, where that was agreed on. Default true. */
  compress?: boolean | undefined
}

export interface BroadcastOptions extends MessageOptions {
  /** Those who do not get it. */
  except?: AnySocket | WebSocket | Iterable<AnySocket | WebSocket> | undefined
  /** Says who gets it. */
  filter?: ((socket: WireSocket) => boolean) | undefined
  /** What the message tells of, as in `socket.send()`. */
  kind?: string | undefined
}

interface ServerEmitterConstructor {
  new (options: { captureRejections: boolean }): TypedEmitter<WireServerEvents>
}

/** Node's EventEmitter itself, typed as that of a socket is: events that `ws` has and we have not are taken. */
const ServerEmitterBase = EventEmitter as ServerEmitterConstructor

/**
 * What the sockets of one registration have in common.
 *
 *   running ── close() ──▶ closing (new handshakes get 503) ── last socket gone ──▶ closed, 'close'
 */
export class WireServer extends ServerEmitterBase {
  /** @see WireServerOptions */
  options: WireServerOptions
  /** The open sockets as `ws` has them; undefined with `clientTracking: false`. */
  readonly clients: Set<WebSocket>
  /** The open sockets, whether they are tracked in `clients` or not. */
  readonly sockets: Set<WireSocket> = new Set()

  /** @internal Whether a route has a `schema.send`, so that what is prepared may be a value. */
  takesValues = false
  /** @internal What is counted of them. */
  readonly measurements = new Metrics()
  /** @internal Those of its sockets. */
  readonly closeListeners = new CloseListeners()
  /** @internal What the log says of upgrades that were refused. */
  readonly refusals: RefusalLog
  #state: 'running' | 'closing' | 'closed' = 'running'
  readonly #callbacks: Array<(error?: Error) => void> = []
  readonly #fail: (error: unknown) => void

  /** @param fail gets what its listeners throw or reject with, but for those of 'connection', whose socket has an error handler */
  constructor (options: WireServerOptions = {}, fail: (error: unknown) => void = () => {}, refusals = new RefusalLog()) {
    super({ captureRejections: true })
    this.#fail = fail
    this.refusals = refusals
    this.options = options
    this.clients = (options.clientTracking === false ? undefined : this.sockets) as Set<WebSocket>
  }

  /** Whether a socket may not be opened any more. */
  get isClosing (): boolean {
    return this.#state !== 'running'
  }

  /**
   * Makes a message that many sockets can be sent by `socket.send(message)`. Its bytes are copied now, and once more for
   * each version and compression that a receiver needs; all receivers share them.
   * Like `send()`, it is a value for the sockets of a route with `schema.send`, serialized once for each schema, and data
   * for all others; with `{ binary }` it is data for all.
   * @throws InvalidText, NotSendable
   */
  prepare (value: Value, options: MessageOptions = NO_OPTIONS): PreparedMessage {
    const { compress = true } = options
    if (this.takesValues && options.binary === undefined) return new PreparedValue(value, compress)
    const data = value as Sendable
    const { binary = isBinaryByDefault(data) } = options
    if (typeof data === 'string') return new PreparedMessage(data, binary, compress)
    const payload = toBuffer(data)
    if (!binary && !isUtf8(payload)) throw new InvalidText()
    return new PreparedMessage(payload, binary, compress)
  }

  /**
   * Sends a message to all open sockets. Sockets of the hixie drafts, which carry text only, get no binary one.
   * Sockets of a route with `schema.send` take a value, as in `prepare()`. One that does not fit a receiver goes to none.
   * @returns how many it was sent to
   * @throws InvalidText, NotSendable, ValueNotSent
   */
  broadcast (data: Value | PreparedMessage, options: BroadcastOptions = NO_OPTIONS): number {
    const message = data instanceof PreparedMessage ? data : this.prepare(data, options)
    const { filter, kind } = options
    const sendOptions = kind === undefined ? undefined : { kind }
    const except = toSet(options.except)
    const receives = (socket: WireSocket): boolean => {
      if (socket.readyState !== socket.OPEN || except?.has(socket) === true) return false
      if (filter !== undefined && !filter(socket)) return false
      return !message.formFor(socket[outbound]).isBinary || !isHixie(socket.version)
    }
    let count = 0
    if (message instanceof PreparedValue) {
      // All forms are made before the first is sent.
      for (const socket of Array.from(this.sockets).filter(receives)) {
        if (socket.send(message, sendOptions) !== 'refused') count++
      }
      return count
    }
    for (const socket of this.sockets) {
      if (receives(socket) && socket.send(message, sendOptions) !== 'refused') count++
    }
    return count
  }

  /** Counts of sockets, messages, refusals and closes so far; they are added up at each call. */
  metrics (): WireMetrics {
    return this.measurements.read(this.sockets)
  }

  /**
   * Opens no more sockets. Those that are open stay so: close them, or wait for their peers.
   * @param callback called when the last of them is gone, or with an error when it was so before
   */
  close (callback?: (error?: Error) => void): void {
    if (this.#state === 'closed') {
      if (callback !== undefined) nextTick(callback, new ServerNotRunning())
      return
    }
    if (callback !== undefined) this.#callbacks.push(callback)
    if (this.#state === 'closing') return
    this.#state = 'closing'
    if (this.sockets.size === 0) nextTick(() => { this.#closed() })
  }

  /** @internal */
  add (socket: WireSocket, request: IncomingMessage): void {
    this.sockets.add(socket)
    this.emit('connection', socket, request)
  }

  /** @internal */
  delete (socket: WireSocket): void {
    this.sockets.delete(socket)
    if (this.#state === 'closing' && this.sockets.size === 0) this.#closed()
  }

  #closed (): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (const callback of this.#callbacks) this.#contain(callback)
    this.#contain(() => { this.emit('close') })
  }

  // The last socket of a server closes it: what a callback throws must not keep the others from their end.
  #contain (callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#fail(error)
    }
  }

  override [EventEmitter.captureRejectionSymbol] (error: Error, event: unknown, ...args: unknown[]): void {
    if (event === 'connection') (args[0] as WireSocket).emit('error', error)
    else this.#fail(error)
  }
}

function toSet (sockets: BroadcastOptions['except']): ReadonlySet<unknown> | undefined {
  if (sockets === undefined) return undefined
  return new Set<unknown>(Symbol.iterator in sockets ? sockets : [sockets])
}
