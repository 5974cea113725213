import { BadOption, EngineBusy, EngineClosed, PublishTimeout } from '../errors.js'
import type { Accepted } from './engine.js'
import { timers } from '../timers.js'

/** The delay before all unanswered messages are sent again after an error of the server, in milliseconds. */
const RETRY_DELAY = 50

/** The maximum number of messages, and about the maximum number of bytes, in a batch. */
const BATCH_LENGTH = 128
const BATCH_BYTES = 131_072

/** The number of settled entries that are kept in any case, so that removing them costs little for each. */
const SPARE_LENGTH = 64

/** Limits for messages that the server has not accepted yet. */
export interface PublishLimits {
  /** How long a message may wait to be accepted, in milliseconds. Default: 10,000. */
  readonly publishTimeout?: number
  /** The maximum number of messages waiting to be accepted. Default: 100,000. */
  readonly maxWaiting?: number
  /** The maximum size of all messages waiting to be accepted, in bytes. Default: 64 MiB. */
  readonly maxWaitingBytes?: number
}

/** @throws BadOption */
export function readPublishLimits (options: PublishLimits): Required<PublishLimits> {
  const { publishTimeout = 10_000, maxWaiting = 100_000, maxWaitingBytes = 64 * 1024 * 1024 } = options
  for (const [name, number] of Object.entries({ publishTimeout, maxWaiting, maxWaitingBytes })) {
    if (!Number.isSafeInteger(number) || number <= 0) throw new BadOption(name, 'a positive integer', String(number))
  }
  return { publishTimeout, maxWaiting, maxWaitingBytes }
}

export interface OutgoingOptions<T> {
  readonly name: string
  readonly limits: Required<PublishLimits>
  /**
   * Sends messages of one topic in order. Resolves with their cursors.
   * @param isAgain whether the first message was sent before, and may have been accepted
   * @param after the previous message of the topic, if it is unanswered. The server must not accept these messages
   *   unless it has accepted that one.
   */
  send (messages: readonly T[], isAgain: boolean, after: T | undefined): Promise<readonly string[]>
  /** Whether a message can be sent in one batch with the previous one of its topic. */
  joins (message: T, previous: T): boolean
  /** Whether sending again cannot help. Otherwise the messages are sent again until their time limit ends. */
  isFinal (error: unknown): boolean
  /** Whether there is a connection. Without one, messages wait for `resume()`. */
  isConnected (): boolean
}

interface Entry<T> {
  readonly topic: string
  /** Undefined once the entry is settled, because settled entries are kept for a while. */
  message: T | undefined
  readonly bytes: number
  readonly deadline: number
  wasSent: boolean
  /** Whether the promise is resolved or rejected. */
  isSettled: boolean
  resolve (accepted: Accepted): void
  reject (error: unknown): void
}

/** Messages of a topic that are sent together. */
interface Batch<T> {
  readonly entries: Array<Entry<T>>
  bytes: number
}

/** The unanswered batches of a topic. */
interface InFlight<T> {
  batches: number
  last: T
}

/**
 * The messages that the server has not answered yet, in order. Messages published in one turn of the event loop are
 * sent in one batch per topic.
 *
 *   paused ── resume() ──▶ probing: one message ── answered ──▶ sending
 *      ▲                              │                            │
 *      └── pause(), or a failure ─────┴────────────────────────────┘
 *
 * After a failure, all unanswered messages are sent again before any new one, and the server drops duplicates. The
 * order is therefore always that of the `publish()` calls. A server that is not ready may refuse some messages and
 * accept later ones. To prevent that, a single message probes the server first, and each batch names its predecessor.
 */
export class Outgoing<T> {
  readonly #options: OutgoingOptions<T>
  /** The messages in order. The settled ones are removed from time to time. */
  #entries: Array<Entry<T>> = []
  /** The number of entries that are not settled. */
  #waiting = 0
  /** The messages to send, in order. Some may have been rejected meanwhile. */
  #unsent: Array<Entry<T>> = []
  #inFlight = new Map<string, InFlight<T>>()
  #bytes = 0
  #state: 'paused' | 'probing' | 'sending' | 'closed' = 'paused'
  #isScheduled = false
  /** Incremented by `pause()`. Answers to messages of an older generation do not change the state. */
  #generation = 0
  #timer: NodeJS.Timeout | null = null
  #retry: NodeJS.Timeout | null = null
  /** The last error after which messages wait to be sent again. */
  #lastError: unknown

  constructor (options: OutgoingOptions<T>) {
    this.#options = options
  }

  get isClosed (): boolean {
    return this.#state === 'closed'
  }

  /** @param bytes the size of the message */
  publish (topic: string, message: T, bytes: number): Promise<Accepted> {
    const { name, limits: { publishTimeout, maxWaiting, maxWaitingBytes } } = this.#options
    if (this.#state === 'closed') return Promise.reject(new EngineClosed(name))
    const count = this.#waiting
    // A single message over the limit is passed on: the server may accept it.
    if (count >= maxWaiting || (count > 0 && this.#bytes + bytes > maxWaitingBytes)) {
      return Promise.reject(new EngineBusy(name, count))
    }
    return new Promise((resolve, reject) => {
      const deadline = timers.now() + publishTimeout
      const entry: Entry<T> = { topic, message, bytes, deadline, wasSent: false, isSettled: false, resolve, reject }
      this.#entries.push(entry)
      this.#waiting++
      this.#bytes += bytes
      // One timer is enough, because messages expire in the order in which they were published.
      this.#timer ??= timers.setTimeout(this.#expire, publishTimeout)
      if (this.#state === 'paused') return
      this.#unsent.push(entry)
      this.#schedule()
    })
  }

  /** Called when the connection is lost. New messages wait. */
  pause (): void {
    if (this.#state === 'closed') return
    this.#state = 'paused'
    this.#unsent = []
    this.#inFlight = new Map()
    this.#generation++
  }

  /** Called when the connection is usable. Sends all unanswered and waiting messages. */
  resume (): void {
    if (this.#state === 'closed') return
    if (this.#retry !== null) timers.clearTimeout(this.#retry)
    this.#retry = null
    this.pause()
    this.#state = 'probing'
    this.#dropSettled()
    this.#unsent = Array.from(this.#entries)
    this.#flush()
  }

  close (): void {
    this.pause()
    this.#state = 'closed'
    if (this.#timer !== null) timers.clearTimeout(this.#timer)
    if (this.#retry !== null) timers.clearTimeout(this.#retry)
    for (const entry of this.#entries) if (!entry.isSettled) entry.reject(new EngineClosed(this.#options.name))
    this.#entries = []
    this.#waiting = 0
  }

  /** @returns false if the entry is settled already */
  #settle (entry: Entry<T>): boolean {
    if (entry.isSettled) return false
    entry.isSettled = true
    entry.message = undefined
    this.#bytes -= entry.bytes
    this.#waiting--
    if (this.#waiting === 0) this.#entries.length = 0
    else if (this.#entries.length > 2 * this.#waiting + SPARE_LENGTH) this.#dropSettled()
    return true
  }

  #dropSettled (): void {
    this.#entries = this.#entries.filter((entry) => !entry.isSettled)
  }

  #schedule (): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    timers.setImmediate(this.#flushScheduled)
  }

  readonly #flushScheduled = (): void => {
    this.#isScheduled = false
    this.#flush()
  }

  #flush (): void {
    if (this.#state === 'probing') {
      if (this.#inFlight.size === 0) this.#probe()
      return
    }
    const generation = this.#generation
    for (const { entries } of this.#takeBatches()) {
      // Sending fails synchronously if the connection has just broken.
      if (generation === this.#generation) this.#send(entries)
    }
  }

  #probe (): void {
    const index = this.#unsent.findIndex((entry) => !entry.isSettled)
    const first = this.#unsent[index]
    this.#unsent = first === undefined ? [] : this.#unsent.slice(index + 1)
    if (first !== undefined) this.#send([first])
  }

  #takeBatches (): Array<Batch<T>> {
    const batches: Array<Batch<T>> = []
    const open = new Map<string, Batch<T>>()
    for (const entry of this.#unsent) {
      if (entry.isSettled) continue
      const { topic, bytes } = entry
      const message = entry.message as T
      let batch = open.get(topic)
      if (batch === undefined || batch.entries.length >= BATCH_LENGTH || batch.bytes + bytes > BATCH_BYTES ||
        !this.#options.joins(message, batch.entries.at(-1)!.message as T)) {
        batch = { entries: [], bytes: 0 }
        batches.push(batch)
        open.set(topic, batch)
      }
      batch.entries.push(entry)
      batch.bytes += bytes
    }
    this.#unsent = []
    return batches
  }

  #send (entries: ReadonlyArray<Entry<T>>): void {
    const { topic, wasSent } = entries[0]!
    const messages: T[] = []
    for (const entry of entries) {
      entry.wasSent = true
      messages.push(entry.message as T)
    }
    const generation = this.#generation
    const inFlight = this.#inFlight.get(topic)
    const last = messages.at(-1) as T
    const after = inFlight?.last
    if (inFlight === undefined) {
      this.#inFlight.set(topic, { batches: 1, last })
    } else {
      inFlight.batches++
      inFlight.last = last
    }
    this.#options.send(messages, wasSent, after).then(
      (cursors) => {
        for (let i = 0; i < entries.length; i++) {
          if (this.#settle(entries[i]!)) entries[i]!.resolve({ cursor: cursors[i]! })
        }
        this.#answered(topic, generation)
      },
      (error: unknown) => { this.#failed(entries, generation, error) })
  }

  /** Ends the probing: the server accepts messages, so all others can follow. */
  #answered (topic: string, generation: number): void {
    if (generation !== this.#generation) return
    const inFlight = this.#inFlight.get(topic) as InFlight<T>
    if (--inFlight.batches === 0) this.#inFlight.delete(topic)
    if (this.#state !== 'probing') return
    this.#state = 'sending'
    this.#lastError = undefined
    this.#flush()
  }

  #failed (entries: ReadonlyArray<Entry<T>>, generation: number, error: unknown): void {
    if (this.#options.isFinal(error)) {
      for (const entry of entries) if (this.#settle(entry)) entry.reject(error)
      this.#answered(entries[0]!.topic, generation)
      return
    }
    if (generation !== this.#generation) return
    this.#lastError = error
    this.pause()
    if (this.#options.isConnected()) this.#retry = timers.setTimeout(() => this.resume(), RETRY_DELAY)
  }

  readonly #expire = (): void => {
    this.#timer = null
    const now = timers.now()
    const { name, limits: { publishTimeout } } = this.#options
    for (const entry of this.#entries) {
      if (entry.isSettled) continue
      if (entry.deadline > now) {
        this.#timer = timers.setTimeout(this.#expire, Math.ceil(entry.deadline - now))
        return
      }
      this.#settle(entry)
      entry.reject(new PublishTimeout(name, publishTimeout, { cause: this.#lastError }))
    }
  }
}
