import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { NotOpen, type Fault } from '../errors.js'
import type { Protocol, Sink, Version } from '../protocol/protocol.js'
import { Transport, type TransportEvents, type WriteCallback } from '../transport/transport.js'
import { isSocketEventType, toEmitterListener, type SocketEventListener, type SocketEventType } from './events.js'
import { Inbox } from './inbox.js'
import { Puller } from './puller.js'
import { createStream } from './stream.js'

/** What can be sent. Anything but a string or a number is binary, unless `binary: false` says that it is UTF-8; a list is joined. */
export type Sendable = string | number | Buffer | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | readonly Buffer[]

/** A binary message, in the form that `binaryType` says. */
export type MessageData = Buffer | ArrayBuffer | Buffer[]

export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments'

export interface SendOptions {
  /** Whether the message is binary. Default: false for a string, true for all else. */
  binary?: boolean | undefined
  /** Whether this is the last fragment of the message. Default true. */
  fin?: boolean | undefined
  /** Taken for compatibility: no extension is negotiated, so nothing is compressed. */
  compress?: boolean | undefined
  /** Taken for compatibility: a server never masks. */
  mask?: boolean | undefined
}

export interface WireSocketEvents {
  /** A whole message; text comes as a Buffer of valid UTF-8. */
  message: [data: MessageData, isBinary: boolean]
  /** The socket is closed; the code is the one that the peer sent, 1005 or 1006 (RFC 6455 §7.1.5). */
  close: [code: number, reason: Buffer]
  /** The peer broke a rule, or the connection failed; 'close' follows. */
  error: [error: Error]
  ping: [data: Buffer]
  pong: [data: Buffer]
  /** All that was queued has left. */
  drain: []
  open: []
}

/** Messages and payload bytes each way. */
export interface Traffic {
  messagesReceived: number
  bytesReceived: number
  messagesSent: number
  bytesSent: number
}

/** What a socket is made of; routes make them. */
export interface Connection {
  readonly stream: Duplex
  readonly url: string
  /** The chosen subprotocol, '' for none. */
  readonly subprotocol: string
  /** In milliseconds. */
  readonly closeTimeout: number
  createProtocol (sink: Sink): Protocol
  /** Takes what the handler or a listener throws or rejects with. */
  failed (error: unknown, socket: WireSocket): void
  closed (socket: WireSocket, code: number, reason: Buffer): void
}

/** What only the route that made a socket calls. */
export const open = Symbol('open')

// More than this waits in the kernel, and then at the peer, not here.
const INBOX_LIMIT = 65_536

const NOTHING = Buffer.alloc(0)

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/**
 * One WebSocket of a client, with the faces of an EventEmitter, of a browser's WebSocket, of an async iterable and of a Duplex.
 *
 *   messages:   stream → protocol → 'message' listener, when there is one and the socket is not paused
 *                                 └→ inbox, until there is one, or `for await` asks; a full inbox stops the reading
 */
export class WireSocket extends EventEmitter<WireSocketEvents> {
  static readonly CONNECTING = CONNECTING
  static readonly OPEN = OPEN
  static readonly CLOSING = CLOSING
  static readonly CLOSED = CLOSED

  /** Path and query of the upgrade. */
  readonly url: string
  /** The subprotocol agreed on, or ''. */
  readonly protocol: string
  /** The extensions agreed on, or ''. */
  readonly extensions = ''
  /** How binary messages come. Default 'nodebuffer'. */
  binaryType: BinaryType = 'nodebuffer'
  /** @internal Counters for the log. */
  readonly traffic: Traffic = { messagesReceived: 0, bytesReceived: 0, messagesSent: 0, bytesSent: 0 }

  readonly #connection: Connection
  readonly #transport: Transport
  readonly #protocol: Protocol
  readonly #inbox = new Inbox()
  #handlerPending = true
  #paused = false
  #readingStopped = false
  #drainScheduled = false
  #closeTimer: NodeJS.Timeout | undefined
  #isClosed = false
  #closeEmitted = false
  #puller: Puller | undefined

  constructor (connection: Connection) {
    super({ captureRejections: true })
    this.#connection = connection
    this.url = connection.url
    this.protocol = connection.subprotocol
    const events: TransportEvents = {
      bytes: (bytes) => { this.#protocol.receive(bytes) },
      ended: () => { this.#protocol.receiveEnd() },
      drained: () => { this.#tell('drain') },
      closed: () => { this.#closed() }
    }
    this.#transport = new Transport(connection.stream, events)
    this.#protocol = connection.createProtocol(new SocketSink(this.#transport, {
      message: (data, isBinary) => { this.#receive(data, isBinary) },
      ping: (data) => { this.#tell('ping', data) },
      pong: (data) => { this.#tell('pong', data) },
      fault: (error) => { this.#fault(error) },
      end: () => { this.#end() }
    }))
  }

  /**
   * Starts to read, and runs the route's handler.
   * @internal
   */
  [open] (head: Buffer, handler: () => unknown): void {
    this.#connection.stream.on('error', (error) => { this.#fault(error) })
    let result: unknown
    try {
      result = handler()
    } catch (error) {
      this.#fail(error)
    }
    if (isThenable(result)) {
      Promise.resolve(result).catch((error: unknown) => { this.#fail(error) }).finally(() => { this.#settled() })
    } else {
      this.#settled()
    }
    this.#transport.open(head)
  }

  // The state

  get CONNECTING (): typeof CONNECTING { return CONNECTING }
  get OPEN (): typeof OPEN { return OPEN }
  get CLOSING (): typeof CLOSING { return CLOSING }
  get CLOSED (): typeof CLOSED { return CLOSED }

  /** 1 (OPEN), 2 (CLOSING) or 3 (CLOSED); 0 (CONNECTING) only of a client, since the handshake is done when the server makes a socket. */
  get readyState (): typeof CONNECTING | typeof OPEN | typeof CLOSING | typeof CLOSED {
    if (this.#isClosed) return CLOSED
    return this.#protocol.state === 'open' ? OPEN : CLOSING
  }

  /** Which protocol the peer speaks. */
  get version (): Version {
    return this.#protocol.version
  }

  /** Bytes that `send()` queued and that have not left. */
  get bufferedAmount (): number {
    return this.#transport.bufferedAmount
  }

  get isPaused (): boolean {
    return this.#paused
  }

  /** The stream below, for packages that look at it. What is written to it breaks the conversation. */
  get _socket (): Duplex {
    return this.#transport.stream
  }

  // Sending

  /**
   * Sends a message. After the close nothing is sent, and the callback gets an error.
   * @param callback called when the message has left, or with the error that kept it here
   * @throws NotSupported or InvalidText where this version cannot carry it and there is no callback
   */
  send (data: Sendable, options?: SendOptions | WriteCallback, callback?: WriteCallback): void {
    const done = typeof options === 'function' ? options : callback
    const settings = typeof options === 'function' ? undefined : options
    const payload = typeof data === 'string' ? data : toBuffer(data)
    if (!this.#mayWrite(done)) return
    try {
      const isBinary = settings?.binary ?? (typeof data !== 'string' && typeof data !== 'number')
      this.#protocol.send(payload, isBinary, settings?.fin ?? true)
    } catch (error) {
      this.#refuse(error, done)
      return
    }
    this.traffic.messagesSent++
    this.traffic.bytesSent += typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
    this.#whenWritten(done)
  }

  /** @throws NotSupported on a hixie socket, ControlTooLong over 125 bytes; with a callback, it gets the error. */
  ping (data?: Sendable | WriteCallback, mask?: boolean | WriteCallback, callback?: WriteCallback): void {
    this.#control('ping', data, mask, callback)
  }

  /** @throws NotSupported on a hixie socket, ControlTooLong over 125 bytes; with a callback, it gets the error. */
  pong (data?: Sendable | WriteCallback, mask?: boolean | WriteCallback, callback?: WriteCallback): void {
    this.#control('pong', data, mask, callback)
  }

  #control (verb: 'ping' | 'pong', data?: Sendable | WriteCallback, mask?: boolean | WriteCallback, callback?: WriteCallback): void {
    const done = [data, mask, callback].find((argument) => typeof argument === 'function')
    const payload = data === undefined || typeof data === 'function' ? NOTHING : toBuffer(data)
    if (!this.#mayWrite(done)) return
    try {
      this.#protocol[verb](payload)
    } catch (error) {
      this.#refuse(error, done)
      return
    }
    this.#whenWritten(done)
  }

  #mayWrite (callback: WriteCallback | undefined): boolean {
    if (this.readyState === OPEN) return true
    if (callback !== undefined) process.nextTick(this.#contain(callback), new NotOpen(this.readyState))
    return false
  }

  #refuse (error: unknown, callback: WriteCallback | undefined): void {
    if (callback === undefined) throw error
    process.nextTick(this.#contain(callback), error)
  }

  #whenWritten (callback: WriteCallback | undefined): void {
    if (callback !== undefined) this.#transport.whenWritten(this.#contain(callback))
  }

  #contain (callback: WriteCallback): WriteCallback {
    return (error) => {
      try {
        callback(error)
      } catch (thrown) {
        this.#fail(thrown)
      }
    }
  }

  // Closing

  /**
   * Begins the closing handshake; the connection is cut when the peer does not answer within `closeTimeout`.
   * May be called again: nothing happens then.
   * @throws BadCloseCode, CloseReasonTooLong
   */
  close (code?: number, reason?: string | Buffer): void {
    if (this.readyState !== OPEN) return
    this.#protocol.close(code, reason)
    this.#boundClosing()
    // Nobody asked for messages so far: let the peer's answer come through.
    if (!this.#isTaken() && !this.#paused) {
      this.#inbox.clear()
      this.#continueReading()
    }
  }

  /** Cuts the connection at once. */
  terminate (): void {
    this.#inbox.clear()
    this.#transport.destroy()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#closeEmitted) return
    const closed = new Promise((resolve) => { super.once('close', resolve) })
    this.close(1000)
    await closed
  }

  #boundClosing (): void {
    this.#closeTimer ??= setTimeout(() => { this.#transport.destroy() }, this.#connection.closeTimeout)
  }

  #end (): void {
    this.#boundClosing()
    this.#transport.end()
  }

  #closed (): void {
    this.#isClosed = true
    // The end of a conversation starts the timer, so it is stopped after that.
    this.#protocol.receiveEnd()
    clearTimeout(this.#closeTimer)
    this.#connection.closed(this, this.#protocol.closeCode, this.#protocol.closeReason)
    this.#puller?.settle()
    this.#tellClose()
  }

  // What came before the close is delivered before it, while somebody may still ask for it.
  #tellClose (): void {
    if (!this.#isClosed || this.#closeEmitted) return
    if (!this.#inbox.isEmpty && this.#puller === undefined && (this.#paused || this.#handlerPending || this.#isTaken())) return
    this.#closeEmitted = true
    this.#tell('close', this.#protocol.closeCode, this.#protocol.closeReason)
  }

  // Receiving

  /** Stops the messages: what arrives waits, first here, then at the peer. */
  pause (): void {
    if (this.#isClosed) return
    this.#paused = true
    this.#stopReading()
  }

  resume (): void {
    this.#paused = false
    this.#scheduleDrain()
    this.#continueReading()
    if (this.#isClosed) this.#tellClose()
  }

  #receive (data: Buffer, isBinary: boolean): void {
    this.traffic.messagesReceived++
    this.traffic.bytesReceived += data.length
    if (this.#inbox.isEmpty && !this.#paused && super.listenerCount('message') > 0) {
      this.#deliver(data, isBinary)
      return
    }
    this.#inbox.put(data, isBinary)
    if (this.#puller !== undefined) this.#puller.settle()
    if (this.#inbox.weight > INBOX_LIMIT) this.#stopReading()
  }

  #deliver (data: Buffer, isBinary: boolean): void {
    this.#tell('message', isBinary && this.binaryType !== 'nodebuffer' ? toBinaryType(data, this.binaryType) : data, isBinary)
  }

  #isTaken (): boolean {
    return this.#puller !== undefined || super.listenerCount('message') > 0
  }

  #scheduleDrain (): void {
    if (this.#drainScheduled || this.#inbox.isEmpty) return
    this.#drainScheduled = true
    process.nextTick(() => { this.#drain() })
  }

  #drain (): void {
    this.#drainScheduled = false
    while (!this.#paused && super.listenerCount('message') > 0) {
      const message = this.#inbox.take()
      if (message === undefined) break
      this.#deliver(message.data, message.isBinary)
    }
    this.#continueReading()
    this.#tellClose()
  }

  #stopReading (): void {
    if (this.#readingStopped) return
    this.#readingStopped = true
    this.#transport.pause()
  }

  #continueReading (): void {
    if (!this.#readingStopped || this.#paused || this.#inbox.weight > INBOX_LIMIT) return
    this.#readingStopped = false
    this.#transport.resume()
  }

  /**
   * The messages, one at a time: text as a string, binary as a Buffer. The peer is slowed down while nobody asks.
   * Ends at a clean close, throws UncleanClose at an unclean one.
   */
  [Symbol.asyncIterator] (): AsyncIterableIterator<string | Buffer> {
    this.#puller ??= new Puller(
      () => {
        const message = this.#inbox.take()
        this.#continueReading()
        return message
      },
      () => this.#isClosed ? this.#protocol.closeCode : undefined)
    const puller = this.#puller
    return {
      next: () => puller.pull(),
      return: async () => {
        this.#puller = undefined
        this.#scheduleDrain()
        return { done: true, value: undefined }
      },
      [Symbol.asyncIterator] () { return this }
    }
  }

  /** A Duplex over this socket: each chunk written is a message, what arrives is read as bytes. */
  stream (): Duplex {
    return createStream(this)
  }

  // The EventEmitter face: a first 'message' listener gets what waited for it.

  override on<K>(event: keyof WireSocketEvents | K, listener: K extends keyof WireSocketEvents ? (...args: WireSocketEvents[K]) => void : never): this {
    super.on(event, listener)
    if (event === 'message') this.#scheduleDrain()
    return this
  }

  override addListener<K>(event: keyof WireSocketEvents | K, listener: K extends keyof WireSocketEvents ? (...args: WireSocketEvents[K]) => void : never): this {
    return this.on(event, listener)
  }

  override prependListener<K>(event: keyof WireSocketEvents | K, listener: K extends keyof WireSocketEvents ? (...args: WireSocketEvents[K]) => void : never): this {
    super.prependListener(event, listener)
    if (event === 'message') this.#scheduleDrain()
    return this
  }

  // Containment: nothing that a listener throws or rejects with passes the socket.

  #tell<K extends keyof WireSocketEvents>(event: K, ...args: WireSocketEvents[K]): void {
    try {
      super.emit<keyof WireSocketEvents>(event, ...args)
    } catch (error) {
      this.#fail(error)
    }
  }

  override [EventEmitter.captureRejectionSymbol] (error: Error, ..._event: unknown[]): void {
    this.#fail(error)
  }

  #fail (error: unknown): void {
    this.#connection.failed(error, this)
  }

  #fault (error: Fault | Error): void {
    // An 'error' that nobody listens to would be thrown; the close that follows tells the rest.
    if (super.listenerCount('error') > 0) this.#tell('error', error)
  }

  #settled (): void {
    this.#handlerPending = false
    this.#tellClose()
  }

  // The EventTarget face

  readonly #targetListeners = new Map<unknown, Array<{ type: SocketEventType, listener: (...args: unknown[]) => unknown }>>()

  addEventListener<Type extends SocketEventType>(type: Type, listener: SocketEventListener<Type>, options?: { once?: boolean }): void {
    if (!isSocketEventType(type)) return
    const known = this.#targetListeners.get(listener) ?? []
    if (known.some((entry) => entry.type === type)) return
    const wrapped = toEmitterListener(type, listener)
    this.#targetListeners.set(listener, [...known, { type, listener: wrapped }])
    if (options?.once === true) {
      this.once(type as 'message', (...args) => {
        this.#forget(type, listener)
        return wrapped.apply(this, args)
      })
    } else {
      this.on(type as 'message', wrapped)
    }
  }

  removeEventListener<Type extends SocketEventType>(type: Type, listener: SocketEventListener<Type>): void {
    const wrapped = this.#forget(type, listener)
    if (wrapped !== undefined) this.off(type as 'message', wrapped)
  }

  #forget (type: SocketEventType, listener: unknown) {
    const known = this.#targetListeners.get(listener)
    const entry = known?.find((candidate) => candidate.type === type)
    if (known === undefined || entry === undefined) return undefined
    this.#targetListeners.set(listener, known.filter((candidate) => candidate !== entry))
    return entry.listener
  }

  readonly #handlers: { [Type in SocketEventType]?: SocketEventListener<Type> | null } = {}

  #setHandler<Type extends SocketEventType>(type: Type, listener: SocketEventListener<Type> | null): void {
    const before = this.#handlers[type] as SocketEventListener<Type> | null | undefined
    if (before != null) this.removeEventListener(type, before)
    Object.assign(this.#handlers, { [type]: listener })
    if (listener != null) this.addEventListener(type, listener)
  }

  get onopen (): SocketEventListener<'open'> | null { return this.#handlers.open ?? null }
  set onopen (listener: SocketEventListener<'open'> | null) { this.#setHandler('open', listener) }
  get onmessage (): SocketEventListener<'message'> | null { return this.#handlers.message ?? null }
  set onmessage (listener: SocketEventListener<'message'> | null) { this.#setHandler('message', listener) }
  get onclose (): SocketEventListener<'close'> | null { return this.#handlers.close ?? null }
  set onclose (listener: SocketEventListener<'close'> | null) { this.#setHandler('close', listener) }
  get onerror (): SocketEventListener<'error'> | null { return this.#handlers.error ?? null }
  set onerror (listener: SocketEventListener<'error'> | null) { this.#setHandler('error', listener) }
}

/** What a conversation tells its socket, apart from the bytes. */
type Receiver = Pick<Sink, 'message' | 'ping' | 'pong' | 'fault' | 'end'>

/** Joins the two ends of a conversation: bytes go to the transport, events to the socket. */
class SocketSink implements Sink {
  readonly #transport: Transport
  readonly message: Receiver['message']
  readonly ping: Receiver['ping']
  readonly pong: Receiver['pong']
  readonly fault: Receiver['fault']
  readonly end: Receiver['end']

  constructor (transport: Transport, receiver: Receiver) {
    this.#transport = transport
    this.message = receiver.message
    this.ping = receiver.ping
    this.pong = receiver.pong
    this.fault = receiver.fault
    this.end = receiver.end
  }

  get chunk (): Buffer { return this.#transport.chunk }
  reserve (length: number): number { return this.#transport.reserve(length) }
  append (bytes: Buffer): void { this.#transport.append(bytes) }
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function toBuffer (data: Sendable): Buffer {
  if (Buffer.isBuffer(data)) return data
  if (typeof data === 'string') return Buffer.from(data)
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (Array.isArray(data)) return Buffer.concat(data)
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return Buffer.from(data)
  return Buffer.from(String(data))
}

function toBinaryType (data: Buffer, binaryType: BinaryType): MessageData {
  if (binaryType === 'fragments') return [data]
  const copy = new ArrayBuffer(data.length)
  new Uint8Array(copy).set(data)
  return copy
}
