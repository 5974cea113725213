import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { Message } from '../codec/message.js'
import type { Version } from '../protocol/protocol.js'
import type { WriteCallback } from '../transport/transport.js'
import { Conversation, type Opening, type Traffic } from './conversation.js'
import { isBinaryByDefault, toBuffer, type BinaryType, type MessageData, type Sendable } from './data.js'
import type { SocketEventListener, SocketEventType } from './events.js'
import { createStream } from './stream.js'
import { SocketTarget } from './target.js'

export interface SendOptions {
  /** Whether the message is binary. Default: false for a string, true for all else. */
  binary?: boolean | undefined
  /** Whether this is the last fragment of the message. Default true. */
  fin?: boolean | undefined
  /** Whether it may be compressed, where that was agreed on. Default true. */
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
  /** What had to wait for the peer has left. */
  drain: []
  open: []
}

/** What only the code that made a socket calls. */
export const open = Symbol('open')
export const context = Symbol('context')

const NOTHING = Buffer.alloc(0)
const EMITTER_OPTIONS = { captureRejections: true }

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/**
 * One WebSocket of a client, with the faces of an EventEmitter, of a browser's WebSocket, of an async iterable and of a
 * Duplex. What goes on behind it is a Conversation.
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
  readonly extensions: string
  /** How binary messages come. Default 'nodebuffer'. */
  binaryType: BinaryType = 'nodebuffer'

  readonly #conversation: Conversation
  #target: SocketTarget | undefined

  /** @internal Routes make sockets. */
  constructor (opening: Opening) {
    super(EMITTER_OPTIONS)
    this.url = opening.url
    this.protocol = opening.subprotocol
    this.extensions = opening.extensions
    this.#conversation = new Conversation(this, opening)
  }

  /**
   * Starts to read, and runs the route's handler.
   * @internal
   */
  [open] (head: Buffer, handler: () => unknown): void {
    this.#conversation.open(head, handler)
  }

  /**
   * What the route knows of this socket.
   * @internal
   */
  get [context] (): unknown {
    return this.#conversation.context
  }

  // The state

  get CONNECTING (): typeof CONNECTING { return CONNECTING }
  get OPEN (): typeof OPEN { return OPEN }
  get CLOSING (): typeof CLOSING { return CLOSING }
  get CLOSED (): typeof CLOSED { return CLOSED }

  /** 1 (OPEN), 2 (CLOSING) or 3 (CLOSED); 0 (CONNECTING) only of a client, since the handshake is done when the server makes a socket. */
  get readyState (): typeof CONNECTING | typeof OPEN | typeof CLOSING | typeof CLOSED {
    if (this.#conversation.isClosed) return CLOSED
    return this.#conversation.isOpen ? OPEN : CLOSING
  }

  /** Which protocol the peer speaks. */
  get version (): Version {
    return this.#conversation.protocol.version
  }

  /** Bytes that `send()` queued and that have not left. */
  get bufferedAmount (): number {
    return this.#conversation.bufferedAmount
  }

  get isPaused (): boolean {
    return this.#conversation.isPaused
  }

  /** What went each way so far. */
  get traffic (): Traffic {
    const { messagesReceived, bytesReceived, messagesSent, bytesSent } = this.#conversation
    return { messagesReceived, bytesReceived, messagesSent, bytesSent }
  }

  /** The stream below, for packages that look at it. What is written to it breaks the conversation. */
  get _socket (): Duplex {
    return this.#conversation.transport.stream
  }

  // Sending

  /**
   * Sends a message. After the close nothing is sent, and the callback gets an error.
   * @param callback called when the message has left, or with the error that kept it here
   * @throws NotSupported or InvalidText where this version cannot carry it and there is no callback
   */
  send (data: Sendable | Message, options?: SendOptions | WriteCallback, callback?: WriteCallback): void {
    if (data instanceof Message) {
      this.#conversation.sendMessage(data, typeof options === 'function' ? options : callback)
      return
    }
    const { outbound } = this.#conversation
    if (outbound !== undefined && (typeof options !== 'object' || options.binary === undefined)) {
      const isCompressible = typeof options !== 'object' || options.compress !== false
      this.#conversation.sendValue(outbound, data, isCompressible, typeof options === 'function' ? options : callback)
      return
    }
    const payload = typeof data === 'string' ? data : toBuffer(data)
    if (options === undefined || typeof options === 'function') {
      this.#conversation.send(payload, isBinaryByDefault(data), true, true, options ?? callback)
    } else {
      const { binary = isBinaryByDefault(data), fin = true, compress = true } = options
      this.#conversation.send(payload, binary, fin, compress, callback)
    }
  }

  /** @throws NotSupported on a hixie socket, ControlTooLong over 125 bytes; with a callback, it gets the error. */
  ping (data?: Sendable | WriteCallback, mask?: boolean | WriteCallback, callback?: WriteCallback): void {
    this.#sendControl('ping', data, mask, callback)
  }

  /** @throws NotSupported on a hixie socket, ControlTooLong over 125 bytes; with a callback, it gets the error. */
  pong (data?: Sendable | WriteCallback, mask?: boolean | WriteCallback, callback?: WriteCallback): void {
    this.#sendControl('pong', data, mask, callback)
  }

  #sendControl (verb: 'ping' | 'pong', data?: Sendable | WriteCallback, mask?: boolean | WriteCallback, callback?: WriteCallback): void {
    const done = [data, mask, callback].find((argument) => typeof argument === 'function')
    const payload = data === undefined || typeof data === 'function' ? NOTHING : toBuffer(data)
    this.#conversation.sendControl(verb, payload, done)
  }

  // Closing

  /**
   * Begins the closing handshake; the connection is cut when the peer does not answer within `closeTimeout`.
   * May be called again: nothing happens then.
   * @throws BadCloseCode, CloseReasonTooLong
   */
  close (code?: number, reason?: string | Buffer): void {
    this.#conversation.close(code, reason)
  }

  /** Cuts the connection at once. */
  terminate (): void {
    this.#conversation.terminate()
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#conversation.isCloseTold) return
    const closed = new Promise((resolve) => { super.once('close', resolve) })
    this.close(1000)
    await closed
  }

  // Receiving

  /** Stops the messages: what arrives waits, first here, then at the peer. */
  pause (): void {
    this.#conversation.pause()
  }

  resume (): void {
    this.#conversation.resume()
  }

  /**
   * The messages, one at a time: text as a string, binary as a Buffer. The peer is slowed down while nobody asks.
   * Ends at a clean close, throws UncleanClose at an unclean one.
   */
  [Symbol.asyncIterator] (): AsyncIterableIterator<string | Buffer> {
    const conversation = this.#conversation
    const puller = conversation.pull()
    return {
      next: () => puller.pull() as Promise<IteratorResult<string | Buffer, undefined>>,
      return: async () => {
        conversation.stopPulling()
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
    const { inbound, outbound } = this.#conversation
    return createStream(this, inbound !== undefined, outbound !== undefined)
  }

  // The EventEmitter face: a first 'message' listener gets what waited for it.

  override on<K>(event: keyof WireSocketEvents | K, listener: K extends keyof WireSocketEvents ? (...args: WireSocketEvents[K]) => void : never): this {
    super.on(event, listener)
    if (event === 'message') this.#conversation.scheduleDrain()
    return this
  }

  override addListener<K>(event: keyof WireSocketEvents | K, listener: K extends keyof WireSocketEvents ? (...args: WireSocketEvents[K]) => void : never): this {
    return this.on(event, listener)
  }

  override prependListener<K>(event: keyof WireSocketEvents | K, listener: K extends keyof WireSocketEvents ? (...args: WireSocketEvents[K]) => void : never): this {
    super.prependListener(event, listener)
    if (event === 'message') this.#conversation.scheduleDrain()
    return this
  }

  override [EventEmitter.captureRejectionSymbol] (error: Error, ..._event: unknown[]): void {
    this.#conversation.fail(error)
  }

  // The EventTarget face

  addEventListener<Type extends SocketEventType>(type: Type, listener: SocketEventListener<Type>, options?: { once?: boolean }): void {
    this.#face.add(type, listener, options?.once === true)
  }

  removeEventListener<Type extends SocketEventType>(type: Type, listener: SocketEventListener<Type>): void {
    this.#face.remove(type, listener)
  }

  get #face (): SocketTarget {
    return (this.#target ??= new SocketTarget(this))
  }

  get onopen (): SocketEventListener<'open'> | null { return this.#face.handler('open') }
  set onopen (listener: SocketEventListener<'open'> | null) { this.#face.setHandler('open', listener) }
  get onmessage (): SocketEventListener<'message'> | null { return this.#face.handler('message') }
  set onmessage (listener: SocketEventListener<'message'> | null) { this.#face.setHandler('message', listener) }
  get onclose (): SocketEventListener<'close'> | null { return this.#face.handler('close') }
  set onclose (listener: SocketEventListener<'close'> | null) { this.#face.setHandler('close', listener) }
  get onerror (): SocketEventListener<'error'> | null { return this.#face.handler('error') }
  set onerror (listener: SocketEventListener<'error'> | null) { this.#face.setHandler('error', listener) }
}
