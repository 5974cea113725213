import { dropChannel, errorChannel, messageInChannel, pingChannel, type Details, type ReportChannel, type SocketReport } from '../diagnostics.js'
import type { Fault } from '../errors.js'
import type { PreparedMessage } from '../codec/prepared-message.js'
import { ABNORMAL } from '../protocol/close.js'
import type { Protocol, Sink } from '../protocol/protocol.js'
import type { Inbound } from '../routes/schema.js'
import { nextTick, timers } from '../timers.js'
import { Transport, type TransportEvents, type WriteCallback } from '../transport/transport.js'
import { Backpressure, limitOf, type BackpressureSettings, type Slowed } from './backpressure.js'
import type { BinaryType, MessageData } from './sendable.js'
import { Receiver, type Recipient } from './receiver.js'
import type { Beating, Round } from './heartbeat.js'
import { RateLimiter, type Throttled } from './rate-limiter.js'
import type { SocketInit, SocketOwner } from './init.js'
import { refuseClosed, refuseInvalid, sendPayload, sendShared, type SendResult } from './sender.js'
import type { WireSocket, WireSocketEvents } from './socket.js'
import { isThenable } from './thenable.js'

/**
 * What goes on behind a socket, and whom its parts tell what happens.
 *
 *   stream ◀──▶ transport ◀──▶ protocol ──▶ message rate ──▶ receiver ──▶ listeners
 *                   ▲                └────────── reading stops ◀────┘ full
 *                   └── backpressure ◀── send()
 */
export class Connection implements Sink, TransportEvents, Throttled, Slowed, Recipient, Beating {
  readonly transport: Transport
  readonly protocol: Protocol
  readonly receiver = new Receiver(this)
  readonly owner: SocketOwner
  /** What the owner wants back. */
  readonly context: unknown
  isClosed = false
  messagesReceived = 0
  bytesReceived = 0
  messagesSent = 0
  bytesSent = 0
  /** How much may wait before a message meets the Backpressure, in bytes. */
  limit: number

  // What the heartbeat keeps here.
  isHeard = false
  latency: number | undefined = undefined
  round: Round | undefined = undefined
  mark = 0

  readonly #socket: WireSocket
  readonly #rate: RateLimiter | undefined
  #backpressure: Backpressure | undefined
  #closeTimer: NodeJS.Timeout | undefined
  #isHandlerPending = true
  #isReadingStopped = false
  #isInflating = false
  #isThrottled = false
  #isCloseTold = false
  #isGone = false

  constructor (socket: WireSocket, init: SocketInit) {
    const { owner } = init
    this.#socket = socket
    this.owner = owner
    this.context = init.context
    this.limit = limitOf(owner.backpressure)
    this.transport = new Transport(init.stream, this, owner.directIO)
    this.protocol = init.createProtocol(this, this.transport)
    this.#rate = owner.messageRate === undefined ? undefined : new RateLimiter(owner.messageRate, this)
  }

  /** Runs the route's handler, and starts to read. */
  open (head: Buffer, handler: () => unknown): void {
    let pending: Promise<unknown> | undefined
    try {
      const result = handler()
      if (isThenable(result)) pending = Promise.resolve(result)
    } catch (error) {
      this.fail(error)
    }
    if (pending === undefined) this.#settled()
    else pending.catch((error: unknown) => { this.fail(error) }).finally(() => { this.#settled() })
    this.owner.heartbeat?.add(this)
    this.transport.open(head, this.owner.directIO)
  }

  publish<Report extends SocketReport> (channel: ReportChannel<Report>, details: Details<Report>): void {
    this.owner.publish?.(channel, details, this.#socket, this.context)
  }

  #settled (): void {
    this.#isHandlerPending = false
    this.#tellClose()
  }

  // Sending

  get isOpen (): boolean {
    return !this.isClosed && this.protocol.state === 'open'
  }

  send (payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean, callback: WriteCallback | undefined, kind = ''): SendResult {
    if (!this.isOpen) return refuseClosed(this, callback)
    if (this.queuedAmount > this.limit) {
      const result = this.backpressure.offer({ data: payload, isBinary, fin, isCompressible, kind, callback })
      if (result !== undefined) return result
    }
    return sendPayload(this, payload, isBinary, fin, isCompressible, callback)
  }

  /** Sends what others are sent too. */
  sendMessage (shared: PreparedMessage, callback: WriteCallback | undefined, kind = ''): SendResult {
    if (!this.isOpen) return refuseClosed(this, callback)
    let message: PreparedMessage
    try {
      message = shared.formFor(this.owner.outbound)
    } catch (error) {
      return refuseInvalid(this, error, callback)
    }
    if (this.queuedAmount > this.limit) {
      const { isBinary, isCompressible } = message
      const result = this.backpressure.offer({ data: message, isBinary, fin: true, isCompressible, kind, callback })
      if (result !== undefined) return result
    }
    return sendShared(this, message, callback)
  }

  /** Calls back when a message may be sent without being refused; at once, where the policy is not to wait. */
  whenRoom<Data extends string | Buffer | Blob | PreparedMessage> (data: Data, go: (data: Data) => void): void {
    if (this.queuedAmount > this.limit) this.backpressure.whenRoom(data, go)
    else go(data)
  }

  /** Only for those whose limit was reached. */
  get backpressure (): Backpressure {
    return (this.#backpressure ??= new Backpressure(this, this.owner.backpressure as BackpressureSettings))
  }

  get isOverfull (): boolean {
    return this.queuedAmount > this.limit && this.backpressure.isOver
  }

  /** Bytes that were sent and have not left, but for those that are kept in case newer ones come. */
  get queuedAmount (): number {
    return this.transport.queuedAmount + this.protocol.compressing
  }

  /** Bytes that wait for the peer, or for compression: not those that only wait for the end of the tick. */
  get bufferedAmount (): number {
    return this.transport.bufferedAmount + this.protocol.compressing + (this.#backpressure?.keptBytes ?? 0)
  }

  /** Sends what waits for the end of the tick now. */
  flush (): void {
    this.transport.flushNow()
  }

  get messagesDropped (): number {
    return this.#backpressure?.dropped ?? 0
  }

  tellDrop (data: string | Buffer, isBinary: boolean): void {
    if (dropChannel.hasSubscribers) this.publish(dropChannel, { data, isBinary })
    this.transport.inContext(() => { this.#tell('drop', data, isBinary) })
  }

  // Closing

  close (code: number | undefined, reason: string | Buffer | undefined): void {
    if (!this.isOpen) return
    this.#backpressure?.sendKept()
    this.protocol.close(code, reason)
    this.#boundClosing()
    this.#rate?.stop()
    // Nobody asked for messages so far: let the peer's answer come through.
    if (!this.receiver.isTaken) {
      this.receiver.drop()
      this.#continueReading()
    }
  }

  terminate (): void {
    this.receiver.drop()
    this.transport.destroy()
    this.protocol.abort()
  }

  /** The connection is about to be cut, or the socket closed, by a rule of ours. */
  tellCut (reason: string): void {
    this.#contain(() => { this.owner.cut?.(reason, this.#socket, this.context) })
  }

  get readyState (): 1 | 2 | 3 {
    if (this.isClosed) return 3
    return this.isOpen ? 1 : 2
  }

  get isCloseTold (): boolean {
    return this.#isCloseTold
  }

  #boundClosing (): void {
    if (this.#isGone) return
    this.#closeTimer ??= timers.setTimeout(() => { this.transport.destroy() }, this.owner.closeTimeout)
  }

  // What came before the close is delivered before it, while somebody may still ask for it.
  #tellClose (): void {
    if (!this.isClosed || this.#isCloseTold) return
    if (this.receiver.isWaiting && !this.receiver.isPulled && (this.isPaused || this.#isHandlerPending || this.hasListener)) return
    this.#isCloseTold = true
    this.#tell('close', this.protocol.closeCode, this.protocol.closeReason)
  }

  // TransportEvents

  bytes (length: number): number {
    this.isHeard = true
    try {
      return this.protocol.receive(length)
    } catch (error) {
      // Nothing does throw here. If anything did, the place in the stream would be lost.
      this.fail(error)
      this.terminate()
      return length
    }
  }

  ended (): void {
    this.protocol.receiveEnd()
  }

  drained (): void {
    this.protocol.drained()
    this.#tell('drain')
  }

  failed (error: Error): void {
    // A peer may end the connection right behind its close and read nothing more: our answer then meets a reset, which is
    // no failure (RFC 6455 §7.1.4 has the close received, and that is all that 'clean' asks for).
    if (this.protocol.closeCode === ABNORMAL) this.fault(error)
  }

  closed (): void {
    this.#rate?.stop()
    // A message that came before the end is still to be told.
    this.#isGone = true
    if (this.#isInflating && this.protocol.state !== 'closed') return
    if (this.protocol.state !== 'closed' && !this.receiver.isFull && this.transport.receiveRest()) return
    // What nobody had room for is lost with the connection.
    this.transport.dropRest()
    this.isClosed = true
    // The end of a conversation starts the timer, so it is stopped after that.
    this.protocol.receiveEnd()
    timers.clearTimeout(this.#closeTimer)
    this.owner.heartbeat?.remove(this)
    const { closeCode, closeReason } = this.protocol
    this.#contain(() => { this.owner.closed(this.#socket, closeCode, closeReason, this.context) })
    this.receiver.end()
    this.#tellClose()
    if (!this.#isCloseTold) this.receiver.holdUp()
  }

  // Sink

  message (data: Buffer, isBinary: boolean): boolean {
    this.messagesReceived++
    this.bytesReceived += data.length
    if (messageInChannel.hasSubscribers) this.publish(messageInChannel, { data, isBinary })
    if (this.#rate !== undefined && !this.#rate.tryConsume()) return true
    if (data[0] === 0 && this.owner.topics?.isLive(this.#socket) === true) {
      const plain = this.owner.topics.receiveFrame(this.#socket, data)
      if (plain === undefined) return !this.#isThrottled
      data = plain
    }
    // The chunk that is being read may hold thousands of messages, each of which costs more here than there, a compressed
    // one up to maxPayload: those that nobody takes yet stay as they came.
    if (this.receiver.deliver(data, isBinary)) return !this.#isThrottled
    this.#stopReading()
    return false
  }

  ping (data: Buffer): void {
    if (pingChannel.hasSubscribers) this.publish(pingChannel, { kind: 'ping', direction: 'in', data })
    this.#tell('ping', data)
  }

  pong (data: Buffer): void {
    if (pingChannel.hasSubscribers) this.publish(pingChannel, { kind: 'pong', direction: 'in', data })
    // Ours are not told: who listens waits for the answers to pings of his own.
    if (this.owner.heartbeat?.isAnswer(this, data) === true) return
    this.#tell('pong', data)
  }

  fault (error: Fault | Error): void {
    if (errorChannel.hasSubscribers) this.publish(errorChannel, { error, source: 'peer' })
    this.#contain(() => { this.owner.faulted?.(error, this.#socket, this.context) })
    // An 'error' that nobody listens to would be thrown; the close that follows tells the rest.
    if (this.#socket.listenerCount('error') > 0) this.#tell('error', error)
  }

  pauseInput (): void {
    this.#isInflating = true
    this.#stopReading()
  }

  resumeInput (): void {
    this.#isInflating = false
    if (this.#isGone) this.closed()
    else this.#continueReading()
  }

  end (): void {
    this.#boundClosing()
    this.transport.end()
  }

  // Throttled

  throttle (): void {
    this.#isThrottled = true
    this.#stopReading()
  }

  unthrottle (): void {
    this.#isThrottled = false
    this.#continueReading()
  }

  /** Whether the peer could be heard if it spoke. */
  get isListening (): boolean {
    return this.isOpen && !this.#isReadingStopped
  }

  // Receiving

  get isPaused (): boolean {
    return this.receiver.isPaused
  }

  /** Stops the messages: what arrives waits, first here, then at the peer. */
  pause (): void {
    if (this.isClosed) return
    this.receiver.isPaused = true
    this.#stopReading()
  }

  resume (): void {
    this.receiver.isPaused = false
    this.receiver.schedule()
    // Later, so that no message comes within this call.
    nextTick(goOn, this)
  }

  // Recipient

  get inbound (): Inbound | undefined {
    return this.owner.inbound
  }

  get binaryType (): BinaryType {
    return this.#socket.binaryType
  }

  get hasListener (): boolean {
    return this.#socket.listenerCount('message') > 0
  }

  get endCode (): number | undefined {
    return this.isClosed ? this.protocol.closeCode : undefined
  }

  listen (data: MessageData, isBinary: boolean): void {
    this.#tell('message', data, isBinary)
  }

  emptied (): void {
    this.#continueReading()
    this.#tellClose()
  }

  unheard (): void {
    this.#contain(() => { this.owner.unheard?.(this.#socket, this.context) })
  }

  // Reading

  #stopReading (): void {
    this.#isReadingStopped = true
    this.transport.pause()
  }

  #continueReading (): void {
    if (!this.#isReadingStopped || this.isPaused || this.#isInflating || this.#isThrottled || this.receiver.isFull) return
    this.#isReadingStopped = false
    this.transport.resume()
  }

  // Containment: nothing that a listener, a logger or an error handler throws or rejects with passes the socket.

  #tell<K extends keyof WireSocketEvents> (event: K, ...args: WireSocketEvents[K]): void {
    try {
      this.#socket.emit<keyof WireSocketEvents>(event, ...args)
    } catch (error) {
      this.fail(error)
    }
  }

  #contain (tellOwner: () => void): void {
    try {
      this.transport.inContext(tellOwner)
    } catch (error) {
      this.fail(error)
    }
  }

  /** What the handler or a listener threw or rejected with. */
  fail (error: unknown): void {
    try {
      this.transport.inContext(() => { this.owner.failed(error, this.#socket, this.context) })
    } catch {
      // Nobody is left to tell.
      this.terminate()
    }
  }
}

function goOn (conversation: Connection): void {
  conversation.transport.inContext(() => { conversation.emptied() })
}
