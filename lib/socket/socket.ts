import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'
import { PreparedMessage } from '../codec/prepared-message.js'
import { BadDate, BadOption, NoTopics } from '../errors.js'
import { encodeClose } from '../protocol/close.js'
import { withMaxPayload } from '../protocol/limits.js'
import type { Version } from '../versions.js'
import type { Outbound } from '../routes/schema.js'
import { inCallersContext } from '../transport/async-context.js'
import type { WriteCallback } from '../transport/transport.js'
import { Blobs } from './blobs.js'
import { emitClose } from './close-listeners.js'
import { Connection } from './connection.js'
import { isBinaryByDefault, isBinaryType, isBlob, toBuffer, type BinaryType, type Sendable } from './sendable.js'
import { SocketEmitterBase, type AnyListener, type Listener, type WireSocketEvents } from './emitter.js'
import type { SocketEventHandler, SocketEventListener, SocketEventType } from './events.js'
import { expireAt } from './lifetime.js'
import type { SocketInit, Traffic } from './init.js'
import { sendControl, sendValue, type SendResult } from './sender.js'
import { createStream } from './stream.js'
import type { Published, PublishOptions, SocketTopics } from './topics.js'
import { SocketTarget, type ListenerOptions } from './event-target.js'

export interface SendOptions {
  /** Whether the message is binary. Default: false for a string, true for all else. */
  binary?: boolean | undefined
  /** Whether this is the last fragment of the message. Default true. */
  fin?: boolean | undefined
  /** Whether it may be compressed, where that was agreed on. Default true. */
  compress?: boolean | undefined
  /** What the message tells of: with the policy 'latest' of `backpressure`, one waits for each kind. Default ''. */
  kind?: string | undefined
  /** Taken for compatibility: a server never masks. */
  mask?: boolean | undefined
}

export type { WireSocketEvents }

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
const NO_OPTIONS: SendOptions = {}
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
  readonly #connection: Connection
  #binaryType: BinaryType = 'nodebuffer'
  #target: SocketTarget | undefined
  #blobs: Blobs | undefined

  /** @internal Routes make sockets. */
  constructor (init: SocketInit) {
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
    return this.#connection.owner.outbound
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
    return this.#connection.bufferedAmount
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
    return this.#connection.isPaused
  }

  /** What went each way so far. */
  get traffic (): Traffic {
    const { messagesReceived, bytesReceived, messagesSent, bytesSent, messagesDropped } = this.#connection
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
    if (this.#blobs === undefined || !this.#blobs.isReading) return this.#send(data, options, callback)
    if (isBlob(data)) return this.#sendBlob(data, options, callback)
    return this.#sendInTurn(this.#blobs, data, options, callback)
  }

  /** Sends behind a Blob that is being read. What cannot be sent throws here, as ever. */
  #sendInTurn (blobs: Blobs, data: Sendable | PreparedMessage, options: SendOptions | WriteCallback | null | undefined, callback: WriteCallback | undefined): SendResult {
    const given = typeof options === 'function' ? options : callback
    const done = given === undefined ? undefined : inCallersContext(given)
    const { compress, fin, kind } = typeof options === 'object' ? options ?? NO_OPTIONS : NO_OPTIONS
    if (data instanceof PreparedMessage) {
      blobs.inTurn(() => { this.#send(data, { kind }, done) })
      return 'queued'
    }
    const { outbound } = this.#connection.owner
    const isValue = outbound !== undefined && (typeof options !== 'object' || options?.binary === undefined)
    const binary = isValue ? false : (typeof options === 'object' ? options?.binary : undefined) ?? isBinaryByDefault(data)
    // Whoever sends a value or bytes may change them now.
    const payload = isValue ? outbound.write(data) : typeof data === 'string' ? data : Buffer.from(toBuffer(data))
    blobs.inTurn(() => { this.#send(payload, { binary, fin, compress, kind }, done) })
    return 'queued'
  }

  #send (data: Sendable | Blob | PreparedMessage, options: SendOptions | WriteCallback | null | undefined, callback: WriteCallback | undefined): SendResult {
    if (data instanceof PreparedMessage) {
      const message = data.payload[0] === 0 ? this.#asPreparedFrame(data) : data
      return typeof options === 'function'
        ? this.#connection.sendMessage(message, options)
        : this.#connection.sendMessage(message, callback, options?.kind)
    }
    const { outbound } = this.#connection.owner
    if (outbound !== undefined && (options == null || typeof options !== 'object' || options.binary === undefined)) {
      if (typeof options === 'function') return sendValue(this.#connection, outbound, data, true, options, undefined)
      return sendValue(this.#connection, outbound, data, options?.compress !== false, callback, options?.kind)
    }
    if (isBlob(data)) return this.#sendBlob(data, options, callback)
    const payload = this.#asFrame(typeof data === 'string' ? data : toBuffer(data))
    if (options == null || typeof options === 'function') {
      return this.#connection.send(payload, isBinaryByDefault(data), true, true, options ?? callback)
    }
    const { binary = isBinaryByDefault(data), fin = true, compress = true, kind } = options
    return this.#connection.send(payload, binary, fin, compress, callback, kind)
  }

  // To a client that speaks the live subprotocol, what begins with NUL is a frame.
  #asFrame (payload: string | Buffer): string | Buffer {
    if ((typeof payload === 'string' ? payload.charCodeAt(0) : payload[0]) !== 0) return payload
    const { topics } = this.#connection.owner
    return topics?.isLive(this) === true ? topics.wrap(payload) : payload
  }

  #asPreparedFrame (message: PreparedMessage): PreparedMessage {
    const { payload, isBinary, isCompressible } = message
    const framed = message.isFrame ? payload : this.#asFrame(payload)
    return framed === payload ? message : new PreparedMessage(framed, isBinary, isCompressible)
  }

  #sendBlob (blob: Blob, options: SendOptions | WriteCallback | null | undefined, callback: WriteCallback | undefined): SendResult {
    const blobs = this.#blobs ??= new Blobs((error) => { this.#connection.fail(error) })
    const given = typeof options === 'function' ? options : callback
    const done = given === undefined ? undefined : inCallersContext(given)
    const { compress, fin, kind, binary = true } = typeof options === 'object' ? options ?? NO_OPTIONS : NO_OPTIONS
    blobs.read(blob, (bytes) => { this.#send(bytes, { binary, fin, compress, kind }, done) }, done)
    return 'queued'
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
      if (data instanceof PreparedMessage) {
        this.#connection.whenRoom(data.formFor(this[outbound]), (message) => { this.send(message, options, done) })
      } else if (isBlob(data)) {
        this.#connection.whenRoom(data, (blob) => { this.send(blob, { binary: true, ...options }, done) })
      } else {
        const { outbound } = this.#connection.owner
        const isValue = outbound !== undefined && options.binary === undefined
        const payload = isValue ? outbound.write(data) : typeof data === 'string' ? data : toBuffer(data)
        const { binary = !isValue && isBinaryByDefault(data) } = options
        this.#connection.whenRoom(payload, (own) => { this.send(own, { ...options, binary }, done) })
      }
    })
  }

  /**
   * Hands what was sent to the system now, not at the end of the tick: for a loop that does not return to the event loop.
   * What is still being compressed, or waits for the peer, stays here.
   */
  flush (): void {
    this.#connection.flush()
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
    sendControl(this.#connection, verb, payload, done as WriteCallback | undefined)
  }

  // Topics

  /** The first topic that the socket follows, '' where it follows none. */
  get topic (): string {
    return this.topics[0] ?? ''
  }

  /** The topics that the socket follows. */
  get topics (): string[] {
    return this.#connection.owner.topics?.topicsOf(this) ?? []
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
    const { topics } = this.#connection.owner
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
    if (this.#blobs === undefined || !this.#blobs.isReading) this.#connection.close(code, reason)
    else this.#closeInTurn(this.#blobs, code, typeof reason === 'string' || reason === undefined ? reason : Buffer.from(reason))
  }

  #closeInTurn (blobs: Blobs, code: number | undefined, reason: string | Buffer | undefined): void {
    blobs.inTurn(() => { this.#connection.close(code, reason) })
  }

  /** Cuts the connection at once. */
  terminate (): void {
    this.#connection.terminate()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#connection.isCloseTold) return
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
    const { inbound, outbound } = this.#connection.owner
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
    const conversation = this.#connection
    return emitClose(this, args, (error) => { conversation.fail(error) }, (running) => { conversation.owner.listening?.(running) })
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

  get #face (): SocketTarget {
    return (this.#target ??= new SocketTarget(this))
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
