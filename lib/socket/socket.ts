import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'
import { EMPTY_PAYLOAD } from '../codec/payload.js'
import { PreparedMessage } from '../codec/prepared-message.js'
import { BadOption } from '../errors.js'
import { encodeClose } from '../protocol/close.js'
import { withMaxPayload } from '../protocol/limits.js'
import type { Version } from '../versions.js'
import type { WriteCallback } from '../transport/transport.js'
import { Connection } from './connection.js'
import { Listeners, type WireSocketEvents } from './emitter.js'
import { emittingConnection, type EmittingConnection } from './emitter-face.js'
import { expireAt, toTimestamp } from './lifetime.js'
import type { SocketTopics } from './topics.js'
import { socketTopics, TopicsFace } from './topics-face.js'
import type {
  CloseEventOf, ErrorEventOf, EventListenerOf, EventOf, MessageEventOf, OpenEventOf, SocketEventHandler, SocketEventType
} from './events.js'
import type { SocketInit, Traffic } from './init.js'
import {
  isBinaryType, NO_OPTIONS, toBuffer, type BinaryType, type Sendable, type SendOptions, type SendResult
} from './sendable.js'
import { iterate } from './pull-queue.js'
import { createStream } from './stream.js'
import type { Outbound } from './values.js'

// The events of the EventTarget face. Their target is a WireSocket.
export interface SocketEvent<Type extends string = string> extends EventOf<WireSocket, Type> {}
export interface OpenEvent extends OpenEventOf<WireSocket> {}
export interface MessageEvent extends MessageEventOf<WireSocket> {}
export interface CloseEvent extends CloseEventOf<WireSocket> {}
export interface ErrorEvent extends ErrorEventOf<WireSocket> {}
export type SocketEventListener<Type extends SocketEventType> = EventListenerOf<WireSocket, Type>

export type { SendOptions, SocketEventHandler, SocketEventType, WireSocketEvents }

/** The second type is that of `ws`. On success, the callback gets no error either way. */
export type ControlCallback = WriteCallback | ((error: Error) => void)

// Only for the code that creates sockets.
export const open = Symbol('open')
export const context = Symbol('context')
export const outbound = Symbol('outbound')

// Created on first access, so that they cost no memory in sockets that do not use them.
const ID = Symbol('id')
const DATA = Symbol('data')

interface LazyProperties {
  [ID]?: string
  [DATA]?: object
}

const EMITTER_OPTIONS = { captureRejections: true }

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/**
 * A WebSocket connection of a client. It can be used as an EventEmitter, like a browser's WebSocket, as an async
 * iterable, or as a Duplex.
 */
export class WireSocket extends TopicsFace<WireSocket> {
  static readonly CONNECTING = CONNECTING
  static readonly OPEN = OPEN
  static readonly CLOSING = CLOSING
  static readonly CLOSED = CLOSED

  /** The path and query of the upgrade request. */
  readonly url: string
  /** The negotiated subprotocol, or ''. */
  readonly protocol: string
  /** The negotiated extensions, or ''. */
  readonly extensions: string
  readonly #connection: Connection<WireSocket>
  #binaryType: BinaryType = 'nodebuffer'

  /** @internal */
  constructor (init: SocketInit<WireSocket>) {
    super(EMITTER_OPTIONS)
    Object.assign(this, { _events: new Listeners() })
    this.url = init.url
    this.protocol = init.subprotocol
    this.extensions = init.extensions
    this.#connection = new Connection(this, init)
  }

  /**
   * Runs the route's handler and starts reading.
   * @internal
   */
  [open] (head: Buffer, handler: () => unknown): void {
    this.#connection.open(head, handler)
  }

  /**
   * The `context` of the SocketInit.
   * @internal
   */
  get [context] (): unknown {
    return this.#connection.context
  }

  /**
   * Serializes values by `schema.send` of the route; undefined without one.
   * @internal
   */
  get [outbound] (): Outbound | undefined {
    return this.#connection.settings.outbound
  }

  /** @internal */
  get [socketTopics] (): SocketTopics | undefined {
    return this.#connection.settings.topics
  }

  /** @internal */
  get [emittingConnection] (): EmittingConnection {
    return this.#connection
  }

  // The state

  get CONNECTING (): typeof CONNECTING { return CONNECTING }
  get OPEN (): typeof OPEN { return OPEN }
  get CLOSING (): typeof CLOSING { return CLOSING }
  get CLOSED (): typeof CLOSED { return CLOSED }

  /** 1 (OPEN), 2 (CLOSING) or 3 (CLOSED). Only clients can be 0 (CONNECTING). */
  get readyState (): typeof CONNECTING | typeof OPEN | typeof CLOSING | typeof CLOSED {
    return this.#connection.readyState
  }

  /** A short random name, unique across processes. It can be replaced. */
  get id (): string {
    return ((this as LazyProperties)[ID] ??= randomBytes(9).toString('base64url'))
  }

  set id (name: string) {
    (this as LazyProperties)[ID] = name
  }

  /** Application data, initially an empty object. `app.ws<{ Data: … }>()` sets its type. */
  get data (): Record<string, unknown> {
    return ((this as LazyProperties)[DATA] ??= {}) as Record<string, unknown>
  }

  set data (data: object) {
    (this as LazyProperties)[DATA] = data
  }

  /** The protocol version of the connection. */
  get version (): Version {
    return this.#connection.protocol.version
  }

  /** The number of bytes that wait for the peer, not counting those that are sent at the end of this tick. */
  get bufferedAmount (): number {
    return this.#connection.sender.bufferedAmount
  }

  /** The round-trip time of the last heartbeat ping, in milliseconds; undefined before the first pong. */
  get latency (): number | undefined {
    return this.#connection.latency
  }

  /** The type of binary messages. Default 'nodebuffer'. Invalid values are ignored, as in browsers. */
  get binaryType (): BinaryType {
    return this.#binaryType
  }

  set binaryType (type: BinaryType) {
    if (isBinaryType(type)) this.#binaryType = type
  }

  get isPaused (): boolean {
    return this.#connection.receiver.isPaused
  }

  /** Messages and bytes received and sent so far. */
  get traffic (): Traffic {
    const { messagesReceived, bytesReceived } = this.#connection.receiver
    const { messagesSent, bytesSent, messagesDropped } = this.#connection.sender
    return { messagesReceived, bytesReceived, messagesSent, bytesSent, messagesDropped }
  }

  /** The underlying stream, for packages that inspect it. Do not write to it. */
  get _socket (): Duplex {
    return this.#connection.transport.stream
  }

  // Sending

  /**
   * Sends a message. If the socket is not open, the message is dropped and the callback gets an error.
   * @param callback called when the message has been sent, or with an error
   * @returns 'sent' if the message is sent by the end of this tick, 'queued' if it waits, or 'refused'
   * @throws NotSupported or InvalidText if this protocol version cannot carry the message and there is no callback
   */
  send (data: Sendable | Blob, options?: SendOptions | WriteCallback | null, callback?: WriteCallback): SendResult
  send (
    data: Sendable | Blob | PreparedMessage, options?: SendOptions | WriteCallback | null, callback?: WriteCallback
  ): SendResult
  send (
    data: Sendable | Blob | PreparedMessage, options?: SendOptions | WriteCallback | null, callback?: WriteCallback
  ): SendResult {
    return this.#connection.sender.send(data, options, callback)
  }

  /**
   * Sends a message and resolves when it has been sent. With the `backpressure` policy 'wait', it waits until the peer
   * has read enough. Rejects if the socket closes first, the message is dropped, or `send()` throws.
   */
  sent (data: Sendable | Blob | PreparedMessage, options: SendOptions = NO_OPTIONS): Promise<void> {
    return new Promise((resolve, reject) => {
      const done: WriteCallback = (error) => {
        if (error == null) resolve()
        else reject(error)
      }
      this.#connection.sender.whenRoom(data, options, (own, chosen) => { this.send(own, chosen, done) })
    })
  }

  /**
   * Passes queued messages to the operating system now, not at the end of the tick. Use it in a loop that does not
   * return to the event loop. Messages that are being compressed or wait for the peer remain queued.
   */
  flush (): void {
    this.#connection.transport.flushNow()
  }

  /** @throws NotSupported on a hixie socket, ControlTooLong over 125 bytes; a callback gets the error instead */
  ping (data?: Sendable, mask?: boolean, callback?: WriteCallback): void
  ping (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void
  ping (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void {
    this.#sendControl('ping', data, mask, callback)
  }

  /** @throws NotSupported on a hixie socket, ControlTooLong over 125 bytes; a callback gets the error instead */
  pong (data?: Sendable, mask?: boolean, callback?: WriteCallback): void
  pong (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void
  pong (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void {
    this.#sendControl('pong', data, mask, callback)
  }

  #sendControl (
    verb: 'ping' | 'pong', data?: Sendable | ControlCallback, mask?: boolean | ControlCallback,
    callback?: ControlCallback
  ): void {
    const done = [data, mask, callback].find((argument) => typeof argument === 'function')
    const payload = data === undefined || typeof data === 'function' ? EMPTY_PAYLOAD : toBuffer(data)
    this.#connection.sender.sendControl(verb, payload, done as WriteCallback | undefined)
  }

  // Closing

  /**
   * Starts the closing handshake. If the peer does not answer within `closeTimeout`, the connection is destroyed.
   * Further calls do nothing.
   * @throws BadCloseCode, CloseReasonTooLong
   */
  close (code?: number, reason?: string | Buffer): void {
    this.#connection.sender.close(code, reason)
  }

  /** Destroys the connection at once. */
  terminate (): void {
    this.#connection.terminate()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#connection.isClosed) return
    const closed = new Promise((resolve) => { super.once('close', resolve) })
    this.close(1000)
    await closed
  }

  /**
   * Closes the socket at a given time, such as the expiry of a token. This replaces `maxLifetime` of the route and any
   * earlier call. A time in the past closes at once; Infinity means never.
   * @param date a Date, or milliseconds since 1970
   * @param code default 1008, after which clients should not reconnect with the same credentials
   * @throws BadDate, BadCloseCode, CloseReasonTooLong
   */
  closeAt (date: Date | number, code = 1008, reason = 'expired: reconnect with new credentials'): void {
    const at = toTimestamp(date)
    encodeClose(code, reason)
    if (this.readyState !== CLOSED) expireAt(this, at, code, reason)
  }

  // Receiving

  /**
   * The largest message accepted, in bytes. Initially that of the route; it can be changed, for example after a client
   * has authenticated. A change applies to messages that begin later.
   * @throws BadOption if set to anything but a whole number of bytes
   */
  get maxPayload (): number {
    return this.#connection.protocol.limits.maxPayload
  }

  set maxPayload (bytes: number) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new BadOption('maxPayload', 'a whole number of bytes', inspect(bytes))
    }
    const { protocol } = this.#connection
    protocol.limits = withMaxPayload(protocol.limits, bytes)
  }

  /** Stops emitting messages. Further messages are queued up to a limit, then the peer has to wait. */
  pause (): void {
    this.#connection.pause()
  }

  resume (): void {
    this.#connection.resume()
  }

  /**
   * Iterates over the messages: text as strings, binary as Buffers, or the values of a schema. If the consumer is slow,
   * the peer has to wait. The iterator ends on a clean close and throws UncleanClose on an unclean one.
   */
  [Symbol.asyncIterator] (): AsyncIterableIterator<unknown> {
    return iterate(this.#connection.receiver)
  }

  /**
   * Returns a Duplex: each chunk written is sent as a message, and received messages are read as bytes. With
   * `schema.message` or `schema.send`, that side is in object mode.
   */
  stream (): Duplex {
    const { inbound, outbound } = this.#connection.settings
    return createStream(this, inbound !== undefined, outbound !== undefined)
  }
}
