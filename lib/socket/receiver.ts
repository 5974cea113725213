import type { Inbound } from '../routes/schema.js'
import { toBinaryType, type BinaryType, type MessageData } from './sendable.js'
import { MessageQueue } from './message-queue.js'
import { PullQueue } from './pull-queue.js'
import { nextTick, timers } from '../timers.js'

/** Who takes the messages, and is told of what becomes of them. */
export interface Recipient {
  /** Makes the values that are taken of messages, where the route has `schema.message`. */
  readonly inbound: Inbound | undefined
  readonly binaryType: BinaryType
  /** Whether somebody listens to 'message'. */
  readonly hasListener: boolean
  /** The code of the close; undefined as long as messages may come. */
  readonly endCode: number | undefined
  listen (data: MessageData, isBinary: boolean): void
  fail (error: unknown): void
  /** What waited has been taken, or some of it. */
  emptied (): void
  /** Messages were dropped, and more will be, since nobody takes them. */
  unheard (): void
}

// More than this waits in the kernel, and then at the peer, not here.
const INBOX_LIMIT = 65_536

// How long a full inbox waits for somebody to take it, in milliseconds. Meanwhile nothing is read: no close either, and
// a peer could keep the socket of a route that listens to nothing for ever.
const PATIENCE = 10_000

// The same, when the connection is gone: a handler may be waiting for the close, which is told behind what waits.
const PATIENCE_AT_END = 1_000

// In place of the value of a message that the schema of the route refuses.
const REFUSED = Symbol('refused')

/**
 * The way of the messages from the protocol to whoever takes them.
 *
 *   message ──▶ 'message' listener, when there is one and the socket is not paused
 *          └──▶ inbox, until there is one, or `for await` asks ── nobody comes ──▶ dropped, like what follows
 */
export class Receiver {
  isPaused = false
  readonly #recipient: Recipient
  #inbox: MessageQueue | undefined
  #puller: PullQueue | undefined
  #isScheduled = false
  #isUnheard = false
  #isFull = false
  #timer: NodeJS.Timeout | undefined

  constructor (recipient: Recipient) {
    this.#recipient = recipient
  }

  /** @returns whether there is room for more */
  deliver (data: Buffer, isBinary: boolean): boolean {
    if (!this.isPaused && !this.isWaiting && this.#recipient.hasListener) {
      this.#hand(data, isBinary)
      return true
    }
    if (this.#isUnheard && !this.isTaken) return true
    const inbox = this.#inbox ??= new MessageQueue()
    inbox.put(data, isBinary)
    if (this.#puller !== undefined) this.#puller.settle()
    if (inbox.weight <= INBOX_LIMIT) return true
    this.#isFull = true
    this.#expect(PATIENCE)
    return false
  }

  /** Whether somebody takes the messages, or will: whoever pauses goes on one day. */
  get isTaken (): boolean {
    return this.isPaused || this.isPulled || this.#recipient.hasListener
  }

  #expect (patience: number): void {
    if (this.isTaken) return
    this.#timer ??= timers.setTimeout(giveUp, patience, this).unref()
  }

  /** @internal */
  giveUp (): void {
    this.#timer = undefined
    if (this.isTaken || !this.isWaiting) return
    this.drop()
    if (this.#recipient.endCode === undefined) this.#recipient.unheard()
    this.#recipient.emptied()
  }

  /** Whether there is no room for more: from the limit on, and until half of it is free again. */
  get isFull (): boolean {
    if (this.#isFull && (this.#inbox as MessageQueue).weight <= INBOX_LIMIT / 2) this.#isFull = false
    return this.#isFull
  }

  get isWaiting (): boolean {
    return this.#inbox !== undefined && !this.#inbox.isEmpty
  }

  /** Whether messages are asked for one by one. */
  get isPulled (): boolean {
    return this.#puller !== undefined
  }

  /** Drops what waits, and what follows, unless somebody takes it. */
  drop (): void {
    this.#inbox?.clear()
    this.#isUnheard = true
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
    while (!this.isPaused && this.#recipient.hasListener) {
      const message = this.#inbox?.take()
      if (message === undefined) break
      this.#hand(message.data, message.isBinary)
    }
    // The listener may have gone again.
    if (this.isFull) this.#expect(PATIENCE)
    this.#recipient.emptied()
  }

  /** Hands the messages to those who ask, until `stopPulling()`. */
  pull (): PullQueue {
    this.#puller ??= new PullQueue(() => this.#take(), () => this.#recipient.endCode, () => { this.#recipient.emptied() })
    return this.#puller
  }

  stopPulling (): void {
    this.#puller = undefined
    this.schedule()
  }

  /** No more will come. */
  end (): void {
    this.#puller?.settle()
  }

  /** The close waits for somebody to take what came before it. */
  holdUp (): void {
    this.#expect(PATIENCE_AT_END)
  }

  #hand (data: Buffer, isBinary: boolean): void {
    const { inbound, binaryType } = this.#recipient
    if (inbound !== undefined && !(isBinary && inbound.passesBinary)) {
      const value = this.#read(inbound, data, isBinary)
      // The type of a message without a schema stands for all in the table of events.
      if (value !== REFUSED) this.#recipient.listen(value as MessageData, isBinary)
    } else {
      this.#recipient.listen(isBinary && binaryType !== 'nodebuffer' ? toBinaryType(data, binaryType) : data, isBinary)
    }
  }

  // Text as a string and binary as a Buffer, or the value.
  #take (): IteratorResult<unknown, undefined> | undefined {
    const { inbound } = this.#recipient
    for (;;) {
      const message = this.#inbox?.take()
      if (message === undefined) return undefined
      const { data, isBinary } = message
      if (inbound === undefined || (isBinary && inbound.passesBinary)) return { done: false, value: isBinary ? data : data.toString() }
      const value = this.#read(inbound, data, isBinary)
      if (value !== REFUSED) return { done: false, value }
    }
  }

  #read (inbound: Inbound, data: Buffer, isBinary: boolean): unknown {
    try {
      return inbound.read(data, isBinary)
    } catch (error) {
      this.#recipient.fail(error)
      return REFUSED
    }
  }
}

function drain (receiver: Receiver): void {
  receiver.drain()
}

function giveUp (receiver: Receiver): void {
  receiver.giveUp()
}
