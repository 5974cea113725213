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
  /** The Origin header, or its equivalent in older drafts. */
  readonly origin: string
  /** Whether the connection is encrypted. */
  readonly secure: boolean
  readonly req: IncomingMessage
}

/** Decides whether a client may connect: by its return value, or by the callback if the function has two parameters. */
export type VerifyClient = (
  info: ClientInfo,
  callback: (accepted: boolean, status?: number, message?: string, headers?: OutgoingHttpHeaders) => void
) => boolean | void

/** Returns one of the offered subprotocols, or false for none. */
export type HandleProtocols = (offered: Set<string>, request: IncomingMessage) => string | false

/**
 * The server options of `ws` that @fastify/websocket accepts. `verifyClient` and `handleProtocols` are read at each
 * handshake, so they may be assigned later.
 */
export interface WireServerOptions {
  /** The maximum size of a received message, in bytes. The plugin's `maxPayload` takes precedence. */
  maxPayload?: number | undefined
  verifyClient?: VerifyClient | undefined
  /** Called if neither the route nor the plugin has the option `protocols`. */
  handleProtocols?: HandleProtocols | undefined
  /** Whether and how messages are compressed. The plugin's `perMessageDeflate` takes precedence. */
  perMessageDeflate?: boolean | DeflateOptions | undefined
  /** Whether `clients` contains the open sockets. Default true. */
  clientTracking?: boolean | undefined
  /** The server whose upgrades are answered. Default: the server of the application. */
  server?: HttpServer | HttpsServer | undefined
  /** Throws: the plugin always answers the upgrades of a server. */
  noServer?: boolean | undefined
  /** Ignored with a warning: each route has its own URL. */
  path?: string | undefined
  /** Ignored: the application listens. */
  host?: string | undefined
  /** Ignored: the application listens. */
  port?: number | undefined
  /** Ignored: the application listens. */
  backlog?: number | undefined
  /** Ignored: pings are always answered. */
  autoPong?: boolean | undefined
  /** Ignored: text is always validated. */
  skipUTF8Validation?: boolean | undefined
  /** Ignored: events are always synchronous. */
  allowSynchronousEvents?: boolean | undefined
  /** Ignored: every socket is a WireSocket. */
  WebSocket?: Unchecked
}

export interface WireServerEvents {
  /** A socket opened. The handler of its route runs next. */
  connection: [socket: WireSocket, request: IncomingMessage]
  /** The head of a 101 is about to be sent. Listeners may add lines. */
  headers: [lines: string[], request: IncomingMessage]
  error: [error: Error]
  /** `close()` was called, and the last socket has closed. */
  close: []
}

export interface MessageOptions {
  /** Whether the message is binary. Default: false for a string, otherwise true. */
  binary?: boolean | undefined
  /** Whether the message may be compressed, if compression was negotiated. Default true. */
  compress?: boolean | undefined
}

export interface BroadcastOptions extends MessageOptions {
  /** The sockets that do not receive the message. */
  except?: AnySocket | WebSocket | Iterable<AnySocket | WebSocket> | undefined
  /** Returns whether a socket receives the message. */
  filter?: ((socket: WireSocket) => boolean) | undefined
  /** The kind of the message, as in `socket.send()`. */
  kind?: string | undefined
}

interface ServerEmitterConstructor {
  new (options: { captureRejections: boolean }): TypedEmitter<WireServerEvents>
}

/** Node's EventEmitter, typed so that listeners of any event of `ws` are accepted. */
const ServerEmitterBase = EventEmitter as ServerEmitterConstructor

/**
 * The sockets of one registration: `app.websocketServer`.
 *
 *   running ── close() ──▶ closing (new handshakes get 503) ── last socket closes ──▶ closed, 'close'
 */
export class WireServer extends ServerEmitterBase {
  /** @see WireServerOptions */
  options: WireServerOptions
  /** The open sockets, as in `ws`; undefined with `clientTracking: false`. */
  readonly clients: Set<WebSocket>
  /** The open sockets, with any `clientTracking`. */
  readonly sockets: Set<WireSocket> = new Set()

  /** @internal Whether a route has `schema.send`: then `prepare()` accepts values. */
  takesValues = false
  /** @internal */
  readonly measurements = new Metrics()
  /** @internal The asynchronous 'close' listeners of the sockets. */
  readonly closeListeners = new CloseListeners()
  /** @internal */
  readonly refusals: RefusalLog
  #state: 'running' | 'closing' | 'closed' = 'running'
  readonly #callbacks: Array<(error?: Error) => void> = []
  readonly #fail: (error: unknown) => void

  /**
   * @param fail receives errors of listeners. Rejections of 'connection' listeners go to the error handler of the
   *   socket instead.
   */
  constructor (
    options: WireServerOptions = {}, fail: (error: unknown) => void = () => {}, refusals = new RefusalLog()
  ) {
    super({ captureRejections: true })
    this.#fail = fail
    this.refusals = refusals
    this.options = options
    this.clients = (options.clientTracking === false ? undefined : this.sockets) as Set<WebSocket>
  }

  /** Whether handshakes are refused because `close()` was called. */
  get isClosing (): boolean {
    return this.#state !== 'running'
  }

  /**
   * Prepares a message for `socket.send(message)` to many sockets. The data is copied now, and encoded once for each
   * protocol version and compression that a receiver needs. On a route with `schema.send` the message is a value,
   * serialized once for each schema; on other routes, and with `{ binary }`, it is data.
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
   * Sends a message to all open sockets, except a binary message to hixie sockets, which carry text only. Values for
   * routes with `schema.send` are serialized as in `prepare()`. If the value does not match one of the schemas, nothing
   * is sent.
   * @returns the number of sockets to which the message was sent
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
      // Serialize for every receiver before the first send: `receives()` calls `formFor()`.
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

  /** Returns counters of sockets, messages, refusals and closes. They are computed at each call. */
  metrics (): WireMetrics {
    return this.measurements.read(this.sockets)
  }

  /**
   * Stops accepting sockets. Open sockets are not closed.
   * @param callback called when the last socket has closed, or with ServerNotRunning if the server is closed already
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

  // Reports an exception, so that the remaining callbacks run.
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
