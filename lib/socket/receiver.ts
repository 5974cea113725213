import { messageInChannel, type Details, type MessageReport, type ReportChannel } from '../diagnostics.js'
import { nextTick, timers } from '../timers.js'
import { MessageQueue } from './message-queue.js'
import { PullQueue } from './pull-queue.js'
import { RateLimiter, type Rate, type ThrottledConnection } from './rate-limiter.js'
import { PAUSED, QUEUE_FULL, Reading, THROTTLED, type ReadingHost } from './reading.js'
import { toBinaryType, type BinaryType, type MessageData } from './sendable.js'
import type { Inbound } from './values.js'

/** The connection, as far as its Receiver uses it. */
export interface ReceiverHost extends ReadingHost {
  readonly settings: {
    /** Parses messages into values, if the route has `schema.message`. */
    readonly inbound?: Inbound | undefined
  }
  readonly binaryType: BinaryType
  /** Whether 'message' has a listener. */
  readonly hasListener: boolean
  /** The close code; undefined while more messages may arrive. */
  readonly endCode: number | undefined
  emitMessage (data: MessageData, isBinary: boolean): void
  fail (error: unknown): void
  /** Called when queued messages have been taken or discarded. */
  onTaken (): void
  /** Called when messages start to be discarded because nothing takes them. */
  onDiscard (): void
  /**
   * Handles a message that begins with NUL, which is a frame if the client uses the live subprotocol.
   * @returns the plain message, if it is one or contains one
   */
  takeFrame (data: Buffer): Buffer | undefined
  publish (channel: ReportChannel<MessageReport>, details: Details<MessageReport>): void
  close (code: number, reason: string): void
}

// When the queue holds more bytes than this, reading stops: further messages wait in the kernel and at the peer.
const QUEUE_LIMIT = 65_536

// How long the messages of a full queue are kept if nothing takes them, in milliseconds. Meanwhile not even a close
// frame is read, so without this timeout a peer could keep the socket of a route without a listener forever.
const FULL_QUEUE_TIMEOUT = 10_000

// The same for a closed connection. It is shorter because the handler may be waiting for 'close', which comes last.
const HELD_CLOSE_TIMEOUT = 1_000

// Stands for the value of a message that the schema refuses.
const REFUSED = Symbol('refused')

/**
 * Delivers messages from the protocol to the application.
 *
 *   message ──▶ counters ──▶ rate limit ─┬─▶ 'message' listener, if there is one and the socket is not paused
 *                                        └─▶ queue ─┬─▶ a later listener, or `for await`
 *                                                   └─▶ discarded after a timeout, like all messages after it
 */
export class Receiver extends Reading<ReceiverHost> implements ThrottledConnection {
  messagesReceived = 0
  bytesReceived = 0
  readonly #rate: RateLimiter | undefined
  #queue: MessageQueue | undefined
  #pullQueue: PullQueue | undefined
  #isScheduled = false
  #isDiscarding = false
  #timer: NodeJS.Timeout | undefined

  constructor (host: ReceiverHost, rate?: Rate) {
    super(host)
    this.#rate = rate === undefined ? undefined : new RateLimiter(rate, this)
  }

  /** @returns whether the next message may follow at once */
  receive (data: Buffer, isBinary: boolean): boolean {
    this.messagesReceived++
    this.bytesReceived += data.length
    if (messageInChannel.hasSubscribers) this.host.publish(messageInChannel, { data, isBinary })
    if (this.#rate !== undefined && !this.#rate.tryConsume()) return true
    if (data[0] === 0) {
      const plain = this.host.takeFrame(data)
      if (plain === undefined) return !this.has(THROTTLED)
      data = plain
    }
    return this.deliver(data, isBinary) && !this.has(THROTTLED)
  }

  /** @returns whether the queue has room for more */
  deliver (data: Buffer, isBinary: boolean): boolean {
    if (!this.isPaused && !this.isWaiting && this.host.hasListener) {
      this.#emit(data, isBinary)
      return true
    }
    if (this.#isDiscarding && !this.isTaken) return true
    const queue = this.#queue ??= new MessageQueue()
    queue.put(data, isBinary)
    if (this.#pullQueue !== undefined) this.#pullQueue.settle()
    if (queue.weight <= QUEUE_LIMIT) return true
    this.#expire(FULL_QUEUE_TIMEOUT)
    // One chunk can hold thousands of messages. Leave unconsumed ones in wire form: decoded, each costs an object;
    // inflated, up to `maxPayload`.
    this.stopReading(QUEUE_FULL)
    return false
  }

  // The application

  get isPaused (): boolean {
    return this.has(PAUSED)
  }

  pause (): void {
    this.stopReading(PAUSED)
  }

  /** Delivers the queued messages at the end of this tick. Call `continueReading()` to resume reading. */
  resume (): void {
    this.clear(PAUSED)
    this.schedule()
  }

  /** Delivers the queued messages to the listener at the end of this tick. */
  schedule (): void {
    if (this.#isScheduled || !this.isWaiting) return
    this.#isScheduled = true
    nextTick(drain, this)
  }

  /** @internal */
  drain (): void {
    this.#isScheduled = false
    while (!this.isPaused && this.host.hasListener) {
      const message = this.#queue?.take()
      if (message === undefined) break
      this.#emit(message.data, message.isBinary)
    }
    // The listener may have been removed.
    if (this.isFull) this.#expire(FULL_QUEUE_TIMEOUT)
    this.host.onTaken()
  }

  /** Delivers messages through the PullQueue, until `stopPulling()` was called as often. */
  pull (): PullQueue {
    this.#pullQueue ??= new PullQueue(() => this.#take(), () => this.host.endCode, () => { this.host.onTaken() })
    this.#pullQueue.iterators++
    return this.#pullQueue
  }

  stopPulling (): void {
    if (--(this.#pullQueue as PullQueue).iterators > 0) return
    this.#pullQueue = undefined
    this.schedule()
  }

  // The queue

  /** Whether the queue is full: from the limit on, until it is half empty. */
  get isFull (): boolean {
    if (!this.has(QUEUE_FULL)) return false
    if ((this.#queue as MessageQueue).weight <= QUEUE_LIMIT / 2) this.clear(QUEUE_FULL)
    return this.has(QUEUE_FULL)
  }

  get isWaiting (): boolean {
    return this.#queue !== undefined && !this.#queue.isEmpty
  }

  /** Whether an iterator takes the messages. */
  get isPulled (): boolean {
    return this.#pullQueue !== undefined
  }

  /** Whether something takes the messages, or will: a paused socket is expected to resume. */
  get isTaken (): boolean {
    return this.isPaused || this.isPulled || this.host.hasListener
  }

  /** Discards the queued messages, and further ones until something takes them. */
  discard (): void {
    this.#queue?.clear()
    this.#isDiscarding = true
  }

  override continueReading (): void {
    if (!this.isFull) super.continueReading()
  }

  // The rate limit

  throttle (): void {
    this.stopReading(THROTTLED)
  }

  unthrottle (): void {
    this.clear(THROTTLED)
    this.continueReading()
  }

  close (code: number, reason: string): void {
    this.host.close(code, reason)
  }

  /** Stops throttling. */
  stopRate (): void {
    this.#rate?.stop()
  }

  // The end

  /** Call this when the socket starts closing. Messages that nothing takes are discarded, up to the close frame. */
  startClosing (): void {
    this.stopRate()
    if (this.isTaken) return
    this.discard()
    this.continueReading()
  }

  /** Call this when no more messages will arrive. */
  end (): void {
    this.#pullQueue?.settle()
  }

  /** Call this when 'close' has to wait for queued messages to be taken. */
  holdClose (): void {
    this.#expire(HELD_CLOSE_TIMEOUT)
  }

  #expire (timeout: number): void {
    if (this.isTaken) return
    this.#timer ??= timers.setTimeout(expire, timeout, this).unref()
  }

  /** @internal */
  expire (): void {
    this.#timer = undefined
    if (this.isTaken || !this.isWaiting) return
    this.discard()
    if (this.host.endCode === undefined) this.host.onDiscard()
    this.host.onTaken()
  }

  // Values

  #emit (data: Buffer, isBinary: boolean): void {
    const { host } = this
    const { inbound } = host.settings
    if (inbound !== undefined && !(isBinary && inbound.passesBinary)) {
      const value = this.#read(inbound, data, isBinary)
      // The event's type is that of a message without a schema.
      if (value !== REFUSED) host.emitMessage(value as MessageData, isBinary)
    } else {
      const { binaryType } = host
      host.emitMessage(isBinary && binaryType !== 'nodebuffer' ? toBinaryType(data, binaryType) : data, isBinary)
    }
  }

  // Returns text as a string, binary as a Buffer, or the value by the schema.
  #take (): IteratorResult<unknown, undefined> | undefined {
    const { inbound } = this.host.settings
    for (;;) {
      const message = this.#queue?.take()
      if (message === undefined) return undefined
      const { data, isBinary } = message
      if (inbound === undefined || (isBinary && inbound.passesBinary)) {
        return { done: false, value: isBinary ? data : data.toString() }
      }
      const value = this.#read(inbound, data, isBinary)
      if (value !== REFUSED) return { done: false, value }
    }
  }

  #read (inbound: Inbound, data: Buffer, isBinary: boolean): unknown {
    try {
      return inbound.read(data, isBinary)
    } catch (error) {
      this.host.fail(error)
      return REFUSED
    }
  }
}

function drain (receiver: Receiver): void {
  receiver.drain()
}

function expire (receiver: Receiver): void {
  receiver.expire()
}
