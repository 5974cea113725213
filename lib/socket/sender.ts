import { PreparedMessage } from '../codec/prepared-message.js'
import {
  messageOutChannel, pingChannel, type Details, type MessageReport, type PingReport, type ReportChannel
} from '../diagnostics.js'
import { BackpressureExceeded } from '../errors.js'
import { encodeClose } from '../protocol/close.js'
import { inCallersContext } from '../transport/async-context.js'
import type { WriteCallback } from '../transport/transport.js'
import {
  Backpressure, limitOf, type BackpressureSettings, type SlowConnection, type SlowSender
} from './backpressure.js'
import { Blobs } from './blobs.js'
import { SendCallbacks, type CallbackConnection } from './send-callbacks.js'
import {
  isBinaryByDefault, isBlob, NO_OPTIONS, toBuffer, type Sendable, type SendOptions, type SendResult
} from './sendable.js'
import type { Outbound } from './values.js'

export type { SendResult }

/** The connection, as far as its Sender uses it. */
export interface SendingConnection extends SlowConnection, CallbackConnection {
  asFrame (payload: string | Buffer): string | Buffer
  readonly settings: {
    /** Serializes values, if the route has `schema.send`. */
    readonly outbound?: Outbound | undefined
    readonly backpressure?: BackpressureSettings | undefined
  }
  close (code: number | undefined, reason: string | Buffer | undefined): void
  publish<Report extends MessageReport | PingReport> (channel: ReportChannel<Report>, details: Details<Report>): void
}

type Options = SendOptions | WriteCallback | null | undefined
type Callback = WriteCallback | undefined
type Message = Sendable | Blob | PreparedMessage

/**
 * Sends messages.
 *
 *   send() ──▶ wait for Blobs ──▶ bytes, text or PreparedMessage ──▶ Backpressure, if over the limit ──▶ protocol
 */
export class Sender extends SendCallbacks<SendingConnection> implements SlowSender {
  messagesSent = 0
  bytesSent = 0
  /** Above this number of queued bytes, messages go through the Backpressure. */
  limit: number
  /** Created when the limit is first reached. */
  #backpressure: Backpressure | undefined
  /** Created when the first Blob is sent. */
  #blobs: Blobs | undefined

  constructor (connection: SendingConnection) {
    super(connection)
    this.limit = limitOf(connection.settings.backpressure)
  }

  send (data: Message, options: Options, callback: Callback): SendResult {
    const blobs = this.#blobs
    if (blobs === undefined || !blobs.isReading) return this.#send(data, options, callback)
    if (isBlob(data)) return this.#sendBlob(data, options, callback)
    return this.#sendAfterBlobs(blobs, data, options, callback)
  }

  // After a Blob

  /** Sends a message after the Blobs being read. Invalid data throws now. */
  #sendAfterBlobs (blobs: Blobs, data: Sendable | PreparedMessage, options: Options, callback: Callback): SendResult {
    const done = ownCallback(options, callback)
    const { compress, fin, kind, binary } = optionsOf(options)
    if (data instanceof PreparedMessage) {
      blobs.inTurn(() => { this.#send(data, { kind }, done) })
      return 'queued'
    }
    const { outbound } = this.connection.settings
    const isValue = outbound !== undefined && binary === undefined
    // Serialize or copy now, because the caller may change the data.
    const payload = isValue ? outbound.write(data) : typeof data === 'string' ? data : Buffer.from(toBuffer(data))
    const isBinary = isValue ? false : binary ?? isBinaryByDefault(data)
    blobs.inTurn(() => { this.#send(payload, { binary: isBinary, fin, compress, kind }, done) })
    return 'queued'
  }

  #sendBlob (blob: Blob, options: Options, callback: Callback): SendResult {
    const blobs = this.#blobs ??= new Blobs((error) => { this.connection.fail(error) })
    const done = ownCallback(options, callback)
    const { compress, fin, kind, binary = true } = optionsOf(options)
    blobs.read(blob, (bytes) => { this.#send(bytes, { binary, fin, compress, kind }, done) }, done)
    return 'queued'
  }

  /** Starts the closing handshake, after the Blobs being read. */
  close (code: number | undefined, reason: string | Buffer | undefined): void {
    if (this.#blobs === undefined || !this.#blobs.isReading) {
      this.connection.close(code, reason)
      return
    }
    // Invalid arguments throw now, and the caller may reuse its buffer.
    encodeClose(code, reason)
    const own = typeof reason === 'string' || reason === undefined ? reason : Buffer.from(reason)
    this.#blobs.inTurn(() => { this.connection.close(code, own) })
  }

  // Now

  #send (data: Message, options: Options, callback: Callback): SendResult {
    if (data instanceof PreparedMessage) {
      return typeof options === 'function'
        ? this.#sendPrepared(data, options)
        : this.#sendPrepared(data, callback, options?.kind)
    }
    const { outbound } = this.connection.settings
    if (outbound !== undefined && (options == null || typeof options !== 'object' || options.binary === undefined)) {
      if (typeof options === 'function') return this.#sendValue(outbound, data, true, options, undefined)
      return this.#sendValue(outbound, data, options?.compress !== false, callback, options?.kind)
    }
    if (isBlob(data)) return this.#sendBlob(data, options, callback)
    let payload = typeof data === 'string' ? data : toBuffer(data)
    if (beginsWithNul(payload)) payload = this.connection.asFrame(payload)
    if (options == null || typeof options === 'function') {
      return this.#sendPayload(payload, isBinaryByDefault(data), true, true, options ?? callback)
    }
    const { binary = isBinaryByDefault(data), fin = true, compress = true, kind } = options
    return this.#sendPayload(payload, binary, fin, compress, callback, kind)
  }

  #sendPayload (
    payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean, callback: Callback, kind = ''
  ): SendResult {
    if (!this.connection.isOpen) return this.refuseClosed(callback)
    if (this.queuedAmount > this.limit) {
      const result = this.backpressure.offer({ data: payload, isBinary, fin, isCompressible, kind, callback })
      if (result !== undefined) return result
    }
    return this.transmit(payload, isBinary, fin, isCompressible, callback)
  }

  /** Sends a value, serialized by `schema.send` of the route. */
  #sendValue (
    outbound: Outbound, value: unknown, isCompressible: boolean, callback: Callback, kind: string | undefined
  ): SendResult {
    if (!this.connection.isOpen) return this.refuseClosed(callback)
    let text: string
    try {
      text = outbound.write(value)
    } catch (error) {
      return this.refuseInvalid(error, callback)
    }
    return this.#sendPayload(text, false, true, isCompressible, callback, kind)
  }

  /** Sends a message that is sent to other sockets too. */
  #sendPrepared (shared: PreparedMessage, callback: Callback, kind = ''): SendResult {
    if (!this.connection.isOpen) return this.refuseClosed(callback)
    let message: PreparedMessage
    try {
      message = shared.formFor(this.connection.settings.outbound)
      if (beginsWithNul(message.payload) && !message.isFrame) message = this.#asFrame(message)
    } catch (error) {
      return this.refuseInvalid(error, callback)
    }
    if (this.queuedAmount > this.limit) {
      const { isBinary, isCompressible } = message
      const result = this.backpressure.offer({ data: message, isBinary, fin: true, isCompressible, kind, callback })
      if (result !== undefined) return result
    }
    return this.transmitPrepared(message, callback)
  }

  #asFrame (message: PreparedMessage): PreparedMessage {
    const { payload, isBinary, isCompressible } = message
    const frame = this.connection.asFrame(payload)
    return frame === payload ? message : new PreparedMessage(frame, isBinary, isCompressible)
  }

  /** Passes a message to the protocol. */
  transmit (
    payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean, callback: Callback
  ): SendResult {
    const { connection } = this
    let length: number
    try {
      length = connection.protocol.send(payload, isBinary, fin, isCompressible)
    } catch (error) {
      return this.refuseInvalid(error, callback)
    }
    this.messagesSent++
    this.bytesSent += length
    if (messageOutChannel.hasSubscribers) connection.publish(messageOutChannel, { data: payload, isBinary })
    if (callback !== undefined) this.whenWritten(callback)
    return connection.transport.isStalled ? 'queued' : 'sent'
  }

  /** Passes a prepared message to the protocol. */
  transmitPrepared (message: PreparedMessage, callback: Callback): SendResult {
    const { connection } = this
    try {
      connection.protocol.sendMessage(message)
    } catch (error) {
      return this.refuseInvalid(error, callback)
    }
    const { payload, isBinary } = message
    this.messagesSent++
    this.bytesSent += payload.length
    if (messageOutChannel.hasSubscribers) connection.publish(messageOutChannel, { data: payload, isBinary })
    if (callback !== undefined) this.whenWritten(callback)
    return connection.transport.isStalled ? 'queued' : 'sent'
  }

  sendControl (kind: 'ping' | 'pong', data: Buffer, callback: Callback): void {
    const { connection } = this
    if (!connection.isOpen) {
      this.refuseClosed(callback)
    } else if (this.queuedAmount > this.limit && this.backpressure.isOverLimit) {
      this.refuse(new BackpressureExceeded(this.limit), callback)
    } else {
      try {
        connection.protocol[kind](data)
      } catch (error) {
        this.refuseInvalid(error, callback)
        return
      }
      if (pingChannel.hasSubscribers) connection.publish(pingChannel, { kind, direction: 'out', data })
      if (callback !== undefined) connection.transport.whenWritten(this.contain(callback))
    }
  }

  // Backpressure

  get backpressure (): Backpressure {
    const { connection } = this
    const settings = connection.settings.backpressure as BackpressureSettings
    return (this.#backpressure ??= new Backpressure(this, connection, settings))
  }

  get messagesDropped (): number {
    return this.#backpressure?.dropped ?? 0
  }

  /** The number of bytes not sent yet, except the messages that the policy 'latest' keeps. */
  get queuedAmount (): number {
    const { transport, protocol } = this.connection
    return transport.queuedAmount + protocol.compressing
  }

  /** The number of bytes that wait for the peer or for compression, not only for the end of the tick. */
  get bufferedAmount (): number {
    const { transport, protocol } = this.connection
    return transport.bufferedAmount + protocol.compressing + (this.#backpressure?.keptBytes ?? 0)
  }

  /** Sends the messages that the policy 'latest' keeps, before a close. */
  sendKept (): void {
    this.#backpressure?.sendKept()
  }

  /**
   * Calls `run` when the message can be sent without being refused; at once, unless the policy is 'wait'. The data is
   * captured now, so the caller may change it.
   */
  whenRoom (data: Message, options: SendOptions, run: (data: Message, options: SendOptions) => void): void {
    if (data instanceof PreparedMessage) {
      this.#whenRoom(data.formFor(this.connection.settings.outbound), (message) => { run(message, options) })
    } else if (isBlob(data)) {
      this.#whenRoom(data, (blob) => { run(blob, { binary: true, ...options }) })
    } else {
      const { outbound } = this.connection.settings
      const isValue = outbound !== undefined && options.binary === undefined
      const payload = isValue ? outbound.write(data) : typeof data === 'string' ? data : toBuffer(data)
      const { binary = !isValue && isBinaryByDefault(data) } = options
      this.#whenRoom(payload, (own) => { run(own, { ...options, binary }) })
    }
  }

  #whenRoom<Data extends string | Buffer | Blob | PreparedMessage> (data: Data, run: (data: Data) => void): void {
    if (this.queuedAmount > this.limit) this.backpressure.whenRoom(data, run)
    else run(data)
  }
}

function optionsOf (options: Options): SendOptions {
  return typeof options === 'object' ? options ?? NO_OPTIONS : NO_OPTIONS
}

/** Returns the callback of a message that is sent later, bound to the async context of the caller. */
function ownCallback (options: Options, callback: Callback): Callback {
  const given = typeof options === 'function' ? options : callback
  return given === undefined ? undefined : inCallersContext(given)
}

function beginsWithNul (payload: string | Buffer): boolean {
  return (typeof payload === 'string' ? payload.charCodeAt(0) : payload[0]) === 0
}
