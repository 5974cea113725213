import { messageInChannel, type Details, type MessageReport, type ReportChannel } from '../diagnostics.js'
import { nextTick, timers } from '../timers.js'
import { MessageQueue } from './message-queue.js'
import { PullQueue } from './pull-queue.js'
import { RateLimiter, type Rate, type Throttled } from './rate-limiter.js'
import { PAUSED, QUEUE_FULL, Reading, THROTTLED, type ReadingHost } from './reading.js'
import { toBinaryType, type BinaryType, type MessageData } from './sendable.js'
import type { Inbound } from './values.js'

/** Takes the messages of a Receiver. */
export interface Recipient extends ReadingHost {
  readonly settings: {
    /** Makes the values that are taken of messages, where the route has `schema.message`. */
    readonly inbound?: Inbound | undefined
  }
  readonly binaryType: BinaryType
  /** Whether somebody listens to 'message'. */
  readonly hasListener: boolean
  /** The code of the close; undefined as long as messages may come. */
  readonly endCode: number | undefined
  emitMessage (data: MessageData, isBinary: boolean): void
  fail (error: unknown): void
  /** Messages that waited have been taken. */
  onTaken (): void
  /** Messages were discarded, and more will be, since nobody takes them. */
  onDiscard (): void
  /**
   * Takes a message that begins with NUL, where that is a frame of the live subprotocol.
   * @returns the plain message, where it is or holds one
   */
  takeFrame (data: Buffer): Buffer | undefined
  publish (channel: ReportChannel<MessageReport>, details: Details<MessageReport>): void
  close (code: number, reason: string): void
}

// More than this waits in the kernel, and then at the peer, not here.
const QUEUE_LIMIT = 65_536

// How long a full queue waits for somebody to take it, in milliseconds. Meanwhile nothing is read: no close either, and
// a peer could keep the socket of a route that listens to nothing for ever.
const FULL_QUEUE_TIMEOUT = 10_000

// The same, when the connection is gone: a handler may be waiting for the close, which is emitted behind what waits.
const HELD_CLOSE_TIMEOUT = 1_000

// In place of the value of a message that the schema of the route refuses.
const REFUSED = Symbol('refused')

/**
 * The way of the messages from the protocol to the application.
 *
 *   message ──▶ counts ──▶ rate ──▶ 'message' listener, when there is one and the socket is not paused
 *                                └─▶ queue, until there is one, or `for await` asks ── nobody comes ──▶ discarded,
 *                                                                                                 like what follows
 */
export class Receiver extends Reading<Recipient> implements Throttled {
  messagesReceived = 0
  bytesReceived = 0
  readonly #rate: RateLimiter | undefined
  #queue: MessageQueue | undefined
  #pullQueue: PullQueue | undefined
  #isScheduled = false
  #isDiscarding = false
  #timer: NodeJS.Timeout | undefined

  constructor (recipient: Recipient, rate?: Rate) {
    super(recipient)
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

  /** @returns whether there is room for more */
  deliver (data: Buffer, isBinary: boolean): boolean {
    if (!this.isPaused && !this.isWaiting && this.host.hasListener) {
      this.#hand(data, isBinary)
      return true
    }
    if (this.#isDiscarding && !this.isTaken) return true
    const queue = this.#queue ??= new MessageQueue()
    queue.put(data, isBinary)
    if (this.#pullQueue !== undefined) this.#pullQueue.settle()
    if (queue.weight <= QUEUE_LIMIT) return true
    this.#expire(FULL_QUEUE_TIMEOUT)
    // The chunk that is being read may hold thousands of messages, each of which costs more here than there, a
    // compressed one up to maxPayload: those that nobody takes yet stay as they came.
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

  /** Delivers what waits when this tick ends. Reading goes on with the next `continueReading()`. */
  resume (): void {
    this.clear(PAUSED)
    this.schedule()
  }

  /** A listener has come, or may listen again: what waits is delivered to it when this tick ends. */
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
      this.#hand(message.data, message.isBinary)
    }
    // The listener may have gone again.
    if (this.isFull) this.#expire(FULL_QUEUE_TIMEOUT)
    this.host.onTaken()
  }

  /** Hands the messages to those who ask, until `stopPulling()`. */
  pull (): PullQueue {
    this.#pullQueue ??= new PullQueue(() => this.#take(), () => this.host.endCode, () => { this.host.onTaken() })
    return this.#pullQueue
  }

  stopPulling (): void {
    this.#pullQueue = undefined
    this.schedule()
  }

  // What waits

  /** Whether there is no room for more: from the limit on, and until half of it is free again. */
  get isFull (): boolean {
    if (!this.has(QUEUE_FULL)) return false
    if ((this.#queue as MessageQueue).weight <= QUEUE_LIMIT / 2) this.clear(QUEUE_FULL)
    return this.has(QUEUE_FULL)
  }

  get isWaiting (): boolean {
    return this.#queue !== undefined && !this.#queue.isEmpty
  }

  /** Whether messages are asked for one by one. */
  get isPulled (): boolean {
    return this.#pullQueue !== undefined
  }

  /** Whether somebody takes the messages, or will: whoever pauses goes on one day. */
  get isTaken (): boolean {
    return this.isPaused || this.isPulled || this.host.hasListener
  }

  /** Discards what waits, and what follows, unless somebody takes it. */
  discard (): void {
    this.#queue?.clear()
    this.#isDiscarding = true
  }

  override continueReading (): void {
    if (!this.isFull) super.continueReading()
  }

  // The rate

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

  /** Waits for no more messages to be allowed. */
  stopRate (): void {
    this.#rate?.stop()
  }

  // The end

  /** The socket closes. Where nobody asked for messages so far, the answer of the peer comes through. */
  startClosing (): void {
    this.stopRate()
    if (this.isTaken) return
    this.discard()
    this.continueReading()
  }

  /** No more will come. */
  end (): void {
    this.#pullQueue?.settle()
  }

  /** The close waits for somebody to take what came before it. */
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

  #hand (data: Buffer, isBinary: boolean): void {
    const { host } = this
    const { inbound } = host.settings
    if (inbound !== undefined && !(isBinary && inbound.passesBinary)) {
      const value = this.#read(inbound, data, isBinary)
      // The type of a message without a schema stands for all in the table of events.
      if (value !== REFUSED) host.emitMessage(value as MessageData, isBinary)
    } else {
      const { binaryType } = host
      host.emitMessage(isBinary && binaryType !== 'nodebuffer' ? toBinaryType(data, binaryType) : data, isBinary)
    }
  }

  // Text as a string and binary as a Buffer, or the value.
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
