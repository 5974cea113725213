import { BadOption, EngineBusy, EngineClosed, PublishTimeout } from '../errors.js'
import type { Accepted } from './engine.js'
import { timers } from '../timers.js'

/** How long after a failure that is not the connection's everything unanswered is sent again, in milliseconds. */
const RETRY_DELAY = 50

/** How long, and how much of what is published, may wait to be accepted. */
export interface PublishLimits {
  /** How long a message may wait to be accepted, in milliseconds. Default: 10,000. */
  readonly publishTimeout?: number
  /** The most messages that wait to be accepted. Default: 100,000. */
  readonly maxWaiting?: number
  /** The most bytes of messages that wait to be accepted. Default: 64 MiB. */
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
   * Sends one message; resolves with its cursor.
   * @param isAgain whether the message was sent before, and may have been accepted
   */
  send (message: T, isAgain: boolean): Promise<string>
  /** Whether sending again cannot help. Otherwise the message is sent again until its time is over. */
  isFinal (error: unknown): boolean
  /** Whether there is a connection. Without one, messages wait for `resume()`. */
  isConnected (): boolean
}

interface Entry<T> {
  readonly message: T
  readonly bytes: number
  readonly deadline: number
  wasSent: boolean
  resolve (accepted: Accepted): void
  reject (error: unknown): void
}

/**
 * The messages that the server has not answered yet, in order. After a failure all of them are sent again before any
 * new one: the server drops those that it has, so that the order is that of `publish()` whatever broke in between.
 */
export class Outgoing<T> {
  readonly #options: OutgoingOptions<T>
  readonly #entries = new Set<Entry<T>>()
  #bytes = 0
  #isPaused = true
  #isClosed = false
  /** Failures of what was sent before the last time that everything was sent again say nothing new. */
  #generation = 0
  #timer: NodeJS.Timeout | null = null
  #retry: NodeJS.Timeout | null = null

  constructor (options: OutgoingOptions<T>) {
    this.#options = options
  }

  /** @param bytes the size of the message */
  publish (message: T, bytes: number): Promise<Accepted> {
    const { name, limits: { publishTimeout, maxWaiting, maxWaitingBytes } } = this.#options
    if (this.#isClosed) return Promise.reject(new EngineClosed(name))
    const count = this.#entries.size
    // A message that alone is larger than that is for the server to refuse.
    if (count >= maxWaiting || (count > 0 && this.#bytes + bytes > maxWaitingBytes)) {
      return Promise.reject(new EngineBusy(name, count))
    }
    return new Promise((resolve, reject) => {
      const deadline = timers.now() + publishTimeout
      const entry: Entry<T> = { message, bytes, deadline, wasSent: false, resolve, reject }
      this.#entries.add(entry)
      this.#bytes += bytes
      // One timer for all: what was published first is the first whose time is over.
      this.#timer ??= timers.setTimeout(this.#expire, publishTimeout)
      if (!this.#isPaused) this.#send(entry)
    })
  }

  /** The connection is gone: new messages wait. */
  pause (): void {
    this.#isPaused = true
    this.#generation++
  }

  /** The connection is usable: sends all that is unanswered, and what waits. */
  resume (): void {
    if (this.#isClosed) return
    if (this.#retry !== null) timers.clearTimeout(this.#retry)
    this.#retry = null
    this.#generation++
    this.#isPaused = false
    const generation = this.#generation
    for (const entry of this.#entries) {
      if (this.#generation === generation) this.#send(entry)
    }
  }

  close (): void {
    this.#isClosed = true
    if (this.#timer !== null) timers.clearTimeout(this.#timer)
    if (this.#retry !== null) timers.clearTimeout(this.#retry)
    for (const entry of this.#entries) entry.reject(new EngineClosed(this.#options.name))
    this.#entries.clear()
  }

  #remove (entry: Entry<T>): boolean {
    const wasWaiting = this.#entries.delete(entry)
    if (wasWaiting) this.#bytes -= entry.bytes
    return wasWaiting
  }

  #send (entry: Entry<T>): void {
    const isAgain = entry.wasSent
    const generation = this.#generation
    entry.wasSent = true
    this.#options.send(entry.message, isAgain).then(
      (cursor) => { if (this.#remove(entry)) entry.resolve({ cursor }) },
      (error: unknown) => { if (this.#entries.has(entry)) this.#failed(entry, generation, error) })
  }

  #failed (entry: Entry<T>, generation: number, error: unknown): void {
    if (this.#options.isFinal(error)) {
      this.#remove(entry)
      entry.reject(error)
      return
    }
    if (generation !== this.#generation) return
    this.pause()
    if (this.#options.isConnected()) this.#retry = timers.setTimeout(() => this.resume(), RETRY_DELAY)
  }

  readonly #expire = (): void => {
    this.#timer = null
    const now = timers.now()
    const { name, limits: { publishTimeout } } = this.#options
    for (const entry of this.#entries) {
      if (entry.deadline > now) {
        this.#timer = timers.setTimeout(this.#expire, Math.ceil(entry.deadline - now))
        return
      }
      this.#remove(entry)
      entry.reject(new PublishTimeout(name, publishTimeout))
    }
  }
}
