import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'
import { PreparedMessage } from '../codec/prepared-message.js'
import { BadDate, BadOption, NoTopics } from '../errors.js'
import { encodeClose } from '../protocol/close.js'
import { withMaxPayload } from '../protocol/limits.js'
import type { Version } from '../versions.js'
import type { WriteCallback } from '../transport/transport.js'
import { emitClose } from './close-listeners.js'
import { Connection } from './connection.js'
import { SocketEmitterBase, type AnyListener, type Listener, type WireSocketEvents } from './emitter.js'
import { expireAt } from './lifetime.js'
import type { Published, PublishOptions, SocketTopics } from './topics.js'
import { SocketTarget, type ListenerOptions } from './event-target.js'
import type {
  CloseEventOf, ErrorEventOf, EventListenerOf, EventOf, MessageEventOf, OpenEventOf, SocketEventHandler, SocketEventType
} from './events.js'
import type { SocketInit, Traffic } from './init.js'
import {
  isBinaryType, NO_OPTIONS, toBuffer, type BinaryType, type Sendable, type SendOptions, type SendResult
} from './sendable.js'
import { createStream } from './stream.js'
import type { Outbound } from './values.js'

// The events of the EventTarget face, whose target is a WireSocket.
export interface SocketEvent<Type extends string = string> extends EventOf<WireSocket, Type> {}
export interface OpenEvent extends OpenEventOf<WireSocket> {}
export interface MessageEvent extends MessageEventOf<WireSocket> {}
export interface CloseEvent extends CloseEventOf<WireSocket> {}
export interface ErrorEvent extends ErrorEventOf<WireSocket> {}
export type SocketEventListener<Type extends SocketEventType> = EventListenerOf<WireSocket, Type>

export type { SendOptions, SocketEventHandler, SocketEventType, WireSocketEvents }

/** The second is what the types of `ws` have here; it gets no error when all is well, too. */
export type ControlCallback = WriteCallback | ((error: Error) => void)

/** What only the code that made a socket calls. */
export const open = Symbol('open')
export const context = Symbol('context')
export const outbound = Symbol('outbound')

// Properties only of sockets that are asked for them, so that they cost the others no place.
const ID = Symbol('id')
const DATA = Symbol('data')

interface Extras {
  [ID]?: string
  [DATA]?: object
}

/** In milliseconds since 1970, a day of 1973: a date before is one in seconds. */
const LEAST_DATE = 100_000_000_000

const NOTHING = Buffer.alloc(0)
const NO_LISTENER_OPTIONS: ListenerOptions = {}
const EMITTER_OPTIONS = { captureRejections: true }

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/** Where an EventEmitter keeps its listeners: by default a dictionary of 216 bytes, with a shape known before 72. */
class Listeners {
  message = undefined
  close = undefined
  error = undefined
  ping = undefined
  pong = undefined
  drain = undefined
}
Object.setPrototypeOf(Listeners.prototype, null)

/**
 * One WebSocket of a client, with the faces of an EventEmitter, of a browser's WebSocket, of an async iterable and of a
 * Duplex. What goes on behind it is a Connection.
 */
export class WireSocket extends SocketEmitterBase {
  static readonly CONNECTING = CONNECTING
  static readonly OPEN = OPEN
  static readonly CLOSING = CLOSING
  static readonly CLOSED = CLOSED

  /** Path and query of the upgrade. */
  readonly url: string
  /** The subprotocol agreed on, or ''. */
  readonly protocol: string
  /** The extensions agreed on, or ''. */
  readonly extensions: string
  readonly #connection: Connection<WireSocket>
  #binaryType: BinaryType = 'nodebuffer'
  #target: SocketTarget<WireSocket> | undefined

  /** @internal Routes make sockets. */
  constructor (init: SocketInit<WireSocket>) {
    super(EMITTER_OPTIONS)
    Object.assign(this, { _events: new Listeners() })
    this.url = init.url
    this.protocol = init.subprotocol
    this.extensions = init.extensions
    this.#connection = new Connection(this, init)
  }

  /**
   * Starts to read, and runs the route's handler.
   * @internal
   */
  [open] (head: Buffer, handler: () => unknown): void {
    this.#connection.open(head, handler)
  }

  /**
   * What the route knows of this socket.
   * @internal
   */
  get [context] (): unknown {
    return this.#connection.context
  }

  /**
   * What makes values the messages of its route, if it has a `schema.send`.
   * @internal
   */
  get [outbound] (): Outbound | undefined {
    return this.#connection.settings.outbound
  }

  // The state

  get CONNECTING (): typeof CONNECTING { return CONNECTING }
  get OPEN (): typeof OPEN { return OPEN }
  get CLOSING (): typeof CLOSING { return CLOSING }
  get CLOSED (): typeof CLOSED { return CLOSED }

  /** 1 (OPEN), 2 (CLOSING) or 3 (CLOSED); 0 (CONNECTING) only of a client, since the handshake is done when the server makes a socket. */
  get readyState (): typeof CONNECTING | typeof OPEN | typeof CLOSING | typeof CLOSED {
    return this.#connection.readyState
  }

  /** A short name that no other socket has, here or in another process. May be set. */
  get id (): string {
    return ((this as Extras)[ID] ??= randomBytes(9).toString('base64url'))
  }

  set id (name: string) {
    (this as Extras)[ID] = name
  }

  /** A place for what the application keeps of this socket: an empty object, until it is set. `app.ws<{ Data: … }>()` types it. */
  get data (): Record<string, unknown> {
    return ((this as Extras)[DATA] ??= {}) as Record<string, unknown>
  }

  set data (data: object) {
    (this as Extras)[DATA] = data
  }

  /** Which protocol the peer speaks. */
  get version (): Version {
    return this.#connection.protocol.version
  }

  /** Bytes that `send()` queued and that wait for the peer. What leaves when this tick ends does not count. */
  get bufferedAmount (): number {
    return this.#connection.sender.bufferedAmount
  }

  /** The time that the last ping of the heartbeat and its answer took, in milliseconds; undefined before. */
  get latency (): number | undefined {
    return this.#connection.latency
  }

  /** How binary messages come. Default 'nodebuffer'. What is none of the types is passed over, as in the browser. */
  get binaryType (): BinaryType {
    return this.#binaryType
  }

  set binaryType (type: BinaryType) {
    if (isBinaryType(type)) this.#binaryType = type
  }

  get isPaused (): boolean {
    return this.#connection.receiver.isPaused
  }

  /** What went each way so far. */
  get traffic (): Traffic {
    const { messagesReceived, bytesReceived } = this.#connection.receiver
    const { messagesSent, bytesSent, messagesDropped } = this.#connection.sender
    return { messagesReceived, bytesReceived, messagesSent, bytesSent, messagesDropped }
  }

  /** The stream below, for packages that look at it. What is written to it breaks the conversation. */
  get _socket (): Duplex {
    return this.#connection.transport.stream
  }

  // Sending

  /**
   * Sends a message. After the close nothing is sent, and the callback gets an error.
   * @returns whether it leaves now ('sent'), waits for the peer ('queued') or is not sent ('refused')
   * @param callback called when the message has left, or with the error that kept it here
   * @throws NotSupported or InvalidText where this version cannot carry it and there is no callback
   */
  send (data: Sendable | Blob, options?: SendOptions | WriteCallback | null, callback?: WriteCallback): SendResult
  send (data: Sendable | Blob | PreparedMessage, options?: SendOptions | WriteCallback | null, callback?: WriteCallback): SendResult
  send (data: Sendable | Blob | PreparedMessage, options?: SendOptions | WriteCallback | null, callback?: WriteCallback): SendResult {
    return this.#connection.sender.send(data, options, callback)
  }

  /**
   * Sends a message, and resolves when it has left. With the policy 'wait' of `backpressure` it first waits for room.
   * Rejects with what kept it from leaving: the close, the policy, or what `send()` throws.
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
   * Hands what was sent to the system now, not at the end of the tick: for a loop that does not return to the event loop.
   * What is still being compressed, or waits for the peer, stays here.
   */
  flush (): void {
    this.#connection.transport.flushNow()
  }

  /** @throws NotSupported on a hixie socket, ControlTooLong over 125 bytes; with a callback, it gets the error. */
  ping (data?: Sendable, mask?: boolean, callback?: WriteCallback): void
  ping (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void
  ping (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void {
    this.#sendControl('ping', data, mask, callback)
  }

  /** @throws NotSupported on a hixie socket, ControlTooLong over 125 bytes; with a callback, it gets the error. */
  pong (data?: Sendable, mask?: boolean, callback?: WriteCallback): void
  pong (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void
  pong (data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void {
    this.#sendControl('pong', data, mask, callback)
  }

  #sendControl (verb: 'ping' | 'pong', data?: Sendable | ControlCallback, mask?: boolean | ControlCallback, callback?: ControlCallback): void {
    const done = [data, mask, callback].find((argument) => typeof argument === 'function')
    const payload = data === undefined || typeof data === 'function' ? NOTHING : toBuffer(data)
    this.#connection.sender.sendControl(verb, payload, done as WriteCallback | undefined)
  }

  // Topics

  /** The first topic that the socket follows, '' where it follows none. */
  get topic (): string {
    return this.topics[0] ?? ''
  }

  /** The topics that the socket follows. */
  get topics (): string[] {
    return this.#connection.settings.topics?.topicsOf(this) ?? []
  }

  /**
   * Follows a topic: from now on its messages are sent to the client. Resolves when they come.
   * @throws TopicInvalid, TooManyTopics
   */
  subscribe (topic: string): Promise<void> {
    return this.#topics.subscribe(this, topic)
  }

  /** Follows a topic no longer. */
  unsubscribe (topic: string): void {
    this.#topics.unsubscribe(this, topic)
  }

  isSubscribed (topic: string): boolean {
    return this.#topics.isSubscribed(this, topic)
  }

  /**
   * Sends a message to all that follow a topic, on every process, but for this socket. Resolves once the engine has
   * accepted it; see `app.topics.publish()` for what may be sent.
   */
  publish (topic: string, data: unknown, options?: PublishOptions): Promise<Published> {
    return this.#topics.publish(this, topic, data, options)
  }

  get #topics (): SocketTopics {
    const { topics } = this.#connection.settings
    if (topics === undefined) throw new NoTopics()
    return topics
  }

  // Closing

  /**
   * Begins the closing handshake; the connection is cut when the peer does not answer within `closeTimeout`.
   * May be called again: nothing happens then.
   * @throws BadCloseCode, CloseReasonTooLong
   */
  close (code?: number, reason?: string | Buffer): void {
    this.#connection.sender.closeInTurn(code, reason)
  }

  /** Cuts the connection at once. */
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
   * Closes the socket at a date, such as the end of a token, in place of the `maxLifetime` of its route. Called again, it
   * sets another date; a date that has passed closes at once, and Infinity is never.
   * @param date or milliseconds since 1970
   * @param code by default 1008: what is at an end is the permission to be here, so to connect again as before is in vain
   * @throws BadDate, BadCloseCode, CloseReasonTooLong
   */
  closeAt (date: Date | number, code = 1008, reason = 'expired: connect again with new credentials'): void {
    const at = Number(date)
    // The times of a JWT are in seconds.
    if (Number.isNaN(at) || (typeof date === 'number' && date < LEAST_DATE)) throw new BadDate(inspect(date))
    encodeClose(code, reason)
    if (this.readyState !== CLOSED) expireAt(this, at, code, reason)
  }

  // Receiving

  /**
   * The largest message received, in bytes: as the route says, until it is changed, say when a peer has said who it is.
   * A change is for messages that begin after it.
   * @throws BadOption, when set to what is no size
   */
  get maxPayload (): number {
    return this.#connection.protocol.limits.maxPayload
  }

  set maxPayload (bytes: number) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new BadOption('maxPayload', 'a whole number of bytes', inspect(bytes))
    const { protocol } = this.#connection
    protocol.limits = withMaxPayload(protocol.limits, bytes)
  }

  /** Stops the messages: what arrives waits, first here, then at the peer. */
  pause (): void {
    this.#connection.pause()
  }

  resume (): void {
    this.#connection.resume()
  }

  /**
   * The messages, one at a time: text as a string, binary as a Buffer. The peer is slowed down while nobody asks.
   * Ends at a clean close, throws UncleanClose at an unclean one. The types of the routes say more than this one, which
   * has to hold for the values of a schema as well.
   */
  [Symbol.asyncIterator] (): AsyncIterableIterator<unknown> {
    const { receiver } = this.#connection
    const puller = receiver.pull()
    return {
      next: () => puller.pull() as Promise<IteratorResult<unknown, undefined>>,
      return: async () => {
        receiver.stopPulling()
        return { done: true, value: undefined }
      },
      [Symbol.asyncIterator] () { return this }
    }
  }

  /**
   * A Duplex over this socket: each chunk written is a message, what arrives is read as bytes; with a schema, each
   * side that has one is in object mode.
   */
  stream (): Duplex {
    const { inbound, outbound } = this.#connection.settings
    return createStream(this, inbound !== undefined, outbound !== undefined)
  }

  // The EventEmitter face: a first 'message' listener gets what waited for it.

  override on<Event extends keyof WireSocketEvents> (event: Event, listener: Listener<this, Event>): this
  override on (event: string | symbol, listener: AnyListener<this>): this
  override on (event: string | symbol, listener: AnyListener<this>): this {
    super.on(event, listener)
    if (event === 'message') this.#connection.receiver.schedule()
    return this
  }

  override addListener<Event extends keyof WireSocketEvents> (event: Event, listener: Listener<this, Event>): this
  override addListener (event: string | symbol, listener: AnyListener<this>): this
  override addListener (event: string | symbol, listener: AnyListener<this>): this {
    return this.on(event, listener)
  }

  override prependListener<Event extends keyof WireSocketEvents> (event: Event, listener: Listener<this, Event>): this
  override prependListener (event: string | symbol, listener: AnyListener<this>): this
  override prependListener (event: string | symbol, listener: AnyListener<this>): this {
    super.prependListener(event, listener)
    if (event === 'message') this.#connection.receiver.schedule()
    return this
  }

  /** An 'error' of the application that nobody listens to is for the error handler of the route. */
  override emit<Event extends keyof WireSocketEvents> (event: Event, ...args: WireSocketEvents[Event]): boolean
  override emit (event: string | symbol, ...args: unknown[]): boolean
  override emit (event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'error' && this.listenerCount('error') === 0) {
      this.#connection.fail(args[0])
      return true
    }
    if (event === 'close') return this.#emitClose(args)
    return super.emit(event, ...args)
  }

  #emitClose (args: unknown[]): boolean {
    const connection = this.#connection
    return emitClose(this, args, (error) => { connection.fail(error) }, (running) => {
      connection.observer.onCloseListeners?.(running)
    })
  }

  /** Only those that have listeners: the others are there for the shape. */
  override eventNames (): Array<string | symbol> {
    return super.eventNames().filter((name) => this.listenerCount(name) > 0)
  }

  override [EventEmitter.captureRejectionSymbol] (error: Error, ..._event: unknown[]): void {
    this.#connection.fail(error)
  }

  // The EventTarget face

  /** @throws BadListener */
  addEventListener<Type extends SocketEventType>(type: Type, listener: SocketEventListener<Type>, options?: ListenerOptions): void {
    // The browser also takes a boolean, for a phase that there is none of here.
    const { once = false, signal } = typeof options === 'object' ? options : NO_LISTENER_OPTIONS
    this.#face.add(type, listener, once, signal)
  }

  removeEventListener<Type extends SocketEventType>(type: Type, listener: SocketEventListener<Type>): void {
    this.#face.remove(type, listener)
  }

  get #face (): SocketTarget<WireSocket> {
    return (this.#target ??= new SocketTarget<WireSocket>(this))
  }

  get onopen (): SocketEventHandler<'open'> | null { return this.#face.handler('open') as SocketEventHandler<'open'> | null }
  set onopen (listener: SocketEventListener<'open'> | null) { this.#face.setHandler('open', listener) }
  get onmessage (): SocketEventHandler<'message'> | null { return this.#face.handler('message') as SocketEventHandler<'message'> | null }
  set onmessage (listener: SocketEventListener<'message'> | null) { this.#face.setHandler('message', listener) }
  get onclose (): SocketEventHandler<'close'> | null { return this.#face.handler('close') as SocketEventHandler<'close'> | null }
  set onclose (listener: SocketEventListener<'close'> | null) { this.#face.setHandler('close', listener) }
  get onerror (): SocketEventHandler<'error'> | null { return this.#face.handler('error') as SocketEventHandler<'error'> | null }
  set onerror (listener: SocketEventListener<'error'> | null) { this.#face.setHandler('error', listener) }
}
