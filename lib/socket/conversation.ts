import type { Duplex } from 'node:stream'
import { errorChannel, messageInChannel, messageOutChannel, pingChannel, type Details, type ReportChannel, type SocketReport } from '../diagnostics.js'
import { NotOpen, type Fault } from '../errors.js'
import type { Inbound, Outbound } from '../schema.js'
import type { Output } from '../codec/encoder.js'
import type { Message } from '../codec/message.js'
import type { Protocol, Sink } from '../protocol/protocol.js'
import { Transport, type TransportEvents, type WriteCallback } from '../transport/transport.js'
import { Inbox } from './inbox.js'
import { Puller } from './puller.js'
import { toBinaryType, type MessageData } from './data.js'
import type { WireSocket, WireSocketEvents } from './socket.js'

/** What the sockets of a route have in common. */
export interface SocketOwner {
  /** How long a closing handshake may take, in milliseconds. */
  readonly closeTimeout: number
  /** Whether to read and write in the way that Node does not make public. */
  readonly directIO: boolean
  /** Makes the values that listeners get of messages, where the route has `schema.message`. */
  readonly inbound?: Inbound | undefined
  /** Makes messages of the values that are sent, where the route has `schema.send`. */
  readonly outbound?: Outbound | undefined
  /** Takes what the handler or a listener throws or rejects with. */
  failed (error: unknown, socket: WireSocket, context: unknown): void
  /** The peer broke a rule, or the connection failed: told before listeners of 'error' are. */
  faulted? (error: Error, socket: WireSocket, context: unknown): void
  /** Tells on a channel, where somebody listens. */
  publish? <Report extends SocketReport>(channel: ReportChannel<Report>, details: Details<Report>, socket: WireSocket, context: unknown): void
  /** Messages were not sent since the peer reads too slowly. */
  dropped? (messages: number, socket: WireSocket, context: unknown): void
  closed (socket: WireSocket, code: number, reason: Buffer, context: unknown): void
}

/** What a socket is made of; routes make them. */
export interface Opening {
  readonly stream: Duplex
  readonly owner: SocketOwner
  /** Path and query of the upgrade. */
  readonly url: string
  /** The chosen subprotocol, '' for none. */
  readonly subprotocol: string
  /** The extensions agreed on, '' for none. */
  readonly extensions: string
  createProtocol (sink: Sink, output: Output): Protocol
  /** What the owner wants back. */
  readonly context: unknown
}

/** Messages and payload bytes each way. */
export interface Traffic {
  messagesReceived: number
  bytesReceived: number
  messagesSent: number
  bytesSent: number
}

// More than this waits in the kernel, and then at the peer, not here.
const INBOX_LIMIT = 65_536

const REFUSED = Symbol('refused')

/**
 * What goes on behind a socket: the transport and the protocol, and the messages that wait between them and the
 * listeners.
 *
 *   stream → transport → protocol → 'message' listener, when there is one and the socket is not paused
 *                                └→ inbox, until there is one, or `for await` asks; a full inbox stops the reading
 */
export class Conversation implements Sink, TransportEvents {
  readonly transport: Transport
  readonly protocol: Protocol
  isPaused = false
  isClosed = false
  messagesReceived = 0
  bytesReceived = 0
  messagesSent = 0
  bytesSent = 0

  readonly #socket: WireSocket
  readonly #owner: SocketOwner
  readonly #context: unknown
  #inbox: Inbox | undefined
  #puller: Puller | undefined
  #closeTimer: NodeJS.Timeout | undefined
  #isHandlerPending = true
  #isReadingStopped = false
  #isHeld = false
  #isDrainScheduled = false
  #isCloseTold = false
  #isGone = false

  constructor (socket: WireSocket, opening: Opening) {
    const { owner } = opening
    this.#socket = socket
    this.#owner = owner
    this.#context = opening.context
    this.transport = new Transport(opening.stream, this, owner.directIO)
    this.protocol = opening.createProtocol(this, this.transport)
  }

  /** Runs the route's handler, and starts to read. */
  open (head: Buffer, handler: () => unknown): void {
    let result: unknown
    try {
      result = handler()
    } catch (error) {
      this.fail(error)
    }
    if (isThenable(result)) {
      Promise.resolve(result).catch((error: unknown) => { this.fail(error) }).finally(() => { this.#settled() })
    } else {
      this.#settled()
    }
    this.transport.open(head, this.#owner.directIO)
  }

  #settled (): void {
    this.#isHandlerPending = false
    this.#tellClose()
  }

  // Sending

  get isOpen (): boolean {
    return !this.isClosed && this.protocol.state === 'open'
  }

  send (payload: string | Buffer, isBinary: boolean, isLast: boolean, isCompressible: boolean, callback: WriteCallback | undefined): void {
    if (!this.isOpen) {
      this.#refuseClosed(callback)
      return
    }
    let length: number
    try {
      length = this.protocol.send(payload, isBinary, isLast, isCompressible)
    } catch (error) {
      this.#refuse(error, callback)
      return
    }
    this.messagesSent++
    this.bytesSent += length
    if (messageOutChannel.hasSubscribers) this.#publish(messageOutChannel, { data: payload, isBinary })
    if (callback !== undefined) this.#whenWritten(callback)
  }

  get inbound (): Inbound | undefined {
    return this.#owner.inbound
  }

  get outbound (): Outbound | undefined {
    return this.#owner.outbound
  }

  /** Sends a value by the schema of the route. */
  sendValue (outbound: Outbound, value: unknown, isCompressible: boolean, callback: WriteCallback | undefined): void {
    if (!this.isOpen) {
      this.#refuseClosed(callback)
      return
    }
    let text: string
    try {
      text = outbound.write(value)
    } catch (error) {
      this.#refuse(error, callback)
      return
    }
    this.send(text, false, true, isCompressible, callback)
  }

  /** Sends what others are sent too. */
  sendMessage (message: Message, callback: WriteCallback | undefined): void {
    if (!this.isOpen) {
      this.#refuseClosed(callback)
      return
    }
    try {
      this.protocol.sendMessage(message)
    } catch (error) {
      this.#refuse(error, callback)
      return
    }
    this.messagesSent++
    this.bytesSent += message.payload.length
    if (messageOutChannel.hasSubscribers) this.#publish(messageOutChannel, { data: message.payload, isBinary: message.isBinary })
    if (callback !== undefined) this.#whenWritten(callback)
  }

  #whenWritten (callback: WriteCallback): void {
    const contained = this.#contain(callback)
    this.protocol.whenOutput(() => {
      // A message that was being compressed is not sent any more.
      if (this.protocol.state === 'closed') process.nextTick(contained, new NotOpen(this.#socket.readyState))
      else this.transport.whenWritten(contained)
    })
  }

  sendControl (verb: 'ping' | 'pong', payload: Buffer, callback: WriteCallback | undefined): void {
    if (!this.isOpen) {
      this.#refuseClosed(callback)
      return
    }
    try {
      this.protocol[verb](payload)
    } catch (error) {
      this.#refuse(error, callback)
      return
    }
    if (pingChannel.hasSubscribers) this.#publish(pingChannel, { kind: verb, direction: 'out', data: payload })
    if (callback !== undefined) this.transport.whenWritten(this.#contain(callback))
  }

  #refuseClosed (callback: WriteCallback | undefined): void {
    if (callback !== undefined) process.nextTick(this.#contain(callback), new NotOpen(this.#socket.readyState))
  }

  #refuse (error: unknown, callback: WriteCallback | undefined): void {
    if (callback === undefined) throw error
    process.nextTick(this.#contain(callback), error)
  }

  #contain (callback: WriteCallback): WriteCallback {
    return (error) => {
      try {
        callback(error)
      } catch (thrown) {
        this.fail(thrown)
      }
    }
  }

  /** Bytes that were sent and have not left. */
  get bufferedAmount (): number {
    return this.transport.bufferedAmount + this.protocol.compressing
  }

  // Closing

  close (code: number | undefined, reason: string | Buffer | undefined): void {
    if (!this.isOpen) return
    this.protocol.close(code, reason)
    this.#boundClosing()
    // Nobody asked for messages so far: let the peer's answer come through.
    if (!this.#isTaken() && !this.isPaused) {
      this.#inbox?.clear()
      this.#continueReading()
    }
  }

  terminate (): void {
    this.#inbox?.clear()
    this.transport.destroy()
    this.protocol.abort()
  }

  get isCloseTold (): boolean {
    return this.#isCloseTold
  }

  #boundClosing (): void {
    this.#closeTimer ??= setTimeout(() => { this.transport.destroy() }, this.#owner.closeTimeout)
  }

  // What came before the close is delivered before it, while somebody may still ask for it.
  #tellClose (): void {
    if (!this.isClosed || this.#isCloseTold) return
    if (this.#isWaiting() && this.#puller === undefined && (this.isPaused || this.#isHandlerPending || this.#isTaken())) return
    this.#isCloseTold = true
    this.#tell('close', this.protocol.closeCode, this.protocol.closeReason)
  }

  // TransportEvents

  bytes (length: number): void {
    this.protocol.receive(length)
  }

  ended (): void {
    this.protocol.receiveEnd()
  }

  drained (): void {
    this.#tell('drain')
  }

  failed (error: Error): void {
    this.fault(error)
  }

  closed (): void {
    // A message that came before the end is still to be told.
    this.#isGone = true
    if (this.protocol.isHeld) return
    this.isClosed = true
    // The end of a conversation starts the timer, so it is stopped after that.
    this.protocol.receiveEnd()
    clearTimeout(this.#closeTimer)
    this.#owner.closed(this.#socket, this.protocol.closeCode, this.protocol.closeReason, this.#context)
    this.#puller?.settle()
    this.#tellClose()
  }

  // Sink

  message (data: Buffer, isBinary: boolean): void {
    this.messagesReceived++
    this.bytesReceived += data.length
    if (messageInChannel.hasSubscribers) this.#publish(messageInChannel, { data, isBinary })
    if (!this.isPaused && !this.#isWaiting() && this.#socket.listenerCount('message') > 0) {
      this.#deliver(data, isBinary)
      return
    }
    const inbox = this.#inbox ??= new Inbox()
    inbox.put(data, isBinary)
    if (this.#puller !== undefined) this.#puller.settle()
    if (inbox.weight > INBOX_LIMIT) this.#stopReading()
  }

  ping (data: Buffer): void {
    if (pingChannel.hasSubscribers) this.#publish(pingChannel, { kind: 'ping', direction: 'in', data })
    this.#tell('ping', data)
  }

  pong (data: Buffer): void {
    if (pingChannel.hasSubscribers) this.#publish(pingChannel, { kind: 'pong', direction: 'in', data })
    this.#tell('pong', data)
  }

  fault (error: Fault | Error): void {
    if (errorChannel.hasSubscribers) this.#publish(errorChannel, { error, source: 'peer' })
    this.#owner.faulted?.(error, this.#socket, this.#context)
    // An 'error' that nobody listens to would be thrown; the close that follows tells the rest.
    if (this.#socket.listenerCount('error') > 0) this.#tell('error', error)
  }

  hold (): void {
    this.#isHeld = true
    this.#stopReading()
  }

  release (bytes: Buffer): void {
    this.#isHeld = false
    this.transport.receiveAgain(bytes)
    this.#continueReading()
    if (this.#isGone && !this.protocol.isHeld) this.closed()
  }

  end (): void {
    this.#boundClosing()
    this.transport.end()
  }

  // Receiving

  /** Stops the messages: what arrives waits, first here, then at the peer. */
  pause (): void {
    if (this.isClosed) return
    this.isPaused = true
    this.#stopReading()
  }

  resume (): void {
    this.isPaused = false
    this.scheduleDrain()
    this.#continueReading()
    if (this.isClosed) this.#tellClose()
  }

  /** A listener has come: what waits is delivered to it when this tick ends. */
  scheduleDrain (): void {
    if (this.#isDrainScheduled || !this.#isWaiting()) return
    this.#isDrainScheduled = true
    process.nextTick(drainInbox, this)
  }

  /** @internal */
  drainInbox (): void {
    this.#isDrainScheduled = false
    while (!this.isPaused && this.#socket.listenerCount('message') > 0) {
      const message = this.#inbox?.take()
      if (message === undefined) break
      this.#deliver(message.data, message.isBinary)
    }
    this.#continueReading()
    this.#tellClose()
  }

  /** Hands the messages to those who ask, until `stopPulling()`. */
  pull (): Puller {
    this.#puller ??= new Puller(
      () => {
        const result = this.#takeResult()
        this.#continueReading()
        return result
      },
      () => this.isClosed ? this.protocol.closeCode : undefined)
    return this.#puller
  }

  stopPulling (): void {
    this.#puller = undefined
    this.scheduleDrain()
  }

  #takeResult (): IteratorResult<unknown, undefined> | undefined {
    const { inbound } = this.#owner
    for (;;) {
      const message = this.#inbox?.take()
      if (message === undefined) return undefined
      const { data, isBinary } = message
      if (inbound === undefined || (isBinary && inbound.passesBinary)) return { done: false, value: isBinary ? data : data.toString() }
      const value = this.#read(inbound, data, isBinary)
      if (value !== REFUSED) return { done: false, value }
    }
  }

  /** The value of a message, or REFUSED where the schema of the route refuses it. */
  #read (inbound: Inbound, data: Buffer, isBinary: boolean): unknown {
    try {
      return inbound.read(data, isBinary)
    } catch (error) {
      this.fail(error)
      return REFUSED
    }
  }

  #deliver (data: Buffer, isBinary: boolean): void {
    const { inbound } = this.#owner
    if (inbound !== undefined && !(isBinary && inbound.passesBinary)) {
      const value = this.#read(inbound, data, isBinary)
      // The type of a message without a schema stands for all in the table of events.
      if (value !== REFUSED) this.#tell('message', value as MessageData, isBinary)
      return
    }
    const { binaryType } = this.#socket
    this.#tell('message', isBinary && binaryType !== 'nodebuffer' ? toBinaryType(data, binaryType) : data, isBinary)
  }

  #isWaiting (): boolean {
    return this.#inbox !== undefined && !this.#inbox.isEmpty
  }

  #isTaken (): boolean {
    return this.#puller !== undefined || this.#socket.listenerCount('message') > 0
  }

  #stopReading (): void {
    if (this.#isReadingStopped) return
    this.#isReadingStopped = true
    this.transport.pause()
  }

  #continueReading (): void {
    if (!this.#isReadingStopped || this.isPaused || this.#isHeld || (this.#inbox !== undefined && this.#inbox.weight > INBOX_LIMIT)) return
    this.#isReadingStopped = false
    this.transport.resume()
  }

  // Containment: nothing that a listener throws or rejects with passes the socket.

  #tell<K extends keyof WireSocketEvents> (event: K, ...args: WireSocketEvents[K]): void {
    try {
      this.#socket.emit<keyof WireSocketEvents>(event, ...args)
    } catch (error) {
      this.fail(error)
    }
  }

  get context (): unknown {
    return this.#context
  }

  #publish<Report extends SocketReport> (channel: ReportChannel<Report>, details: Details<Report>): void {
    this.#owner.publish?.(channel, details, this.#socket, this.#context)
  }

  /** What the handler or a listener threw or rejected with. */
  fail (error: unknown): void {
    this.#owner.failed(error, this.#socket, this.#context)
  }
}

function drainInbox (conversation: Conversation): void {
  conversation.drainInbox()
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
