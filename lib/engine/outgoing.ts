import { EngineClosed, PublishTimeout } from '../errors.js'
import type { Accepted } from './engine.js'
import { timers } from '../timers.js'

/** How long after a failure that is not the connection's everything unanswered is sent again, in milliseconds. */
const RETRY_DELAY = 50

export interface OutgoingOptions<T> {
  readonly name: string
  readonly publishTimeout: number
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
  readonly deadline: number
  wasSent: boolean
  resolve (accepted: Accepted): void
  reject (error: unknown): void
}

/**
 * The messages that the server has not answered yet, in order. After a failure all of them are sent again before any new
 * one: the server drops those that it has, so that the order is that of `publish()` whatever broke in between.
 */
export class Outgoing<T> {
  readonly #options: OutgoingOptions<T>
  readonly #entries = new Set<Entry<T>>()
  #isPaused = true
  #isClosed = false
  /** Failures of what was sent before the last time that everything was sent again say nothing new. */
  #generation = 0
  #timer: NodeJS.Timeout | null = null
  #retry: NodeJS.Timeout | null = null

  constructor (options: OutgoingOptions<T>) {
    this.#options = options
  }

  publish (message: T): Promise<Accepted> {
    const { name, publishTimeout } = this.#options
    if (this.#isClosed) return Promise.reject(new EngineClosed(name))
    return new Promise((resolve, reject) => {
      const entry: Entry<T> = { message, deadline: timers.now() + publishTimeout, wasSent: false, resolve, reject }
      this.#entries.add(entry)
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

  #send (entry: Entry<T>): void {
    const isAgain = entry.wasSent
    const generation = this.#generation
    entry.wasSent = true
    this.#options.send(entry.message, isAgain).then(
      (cursor) => { if (this.#entries.delete(entry)) entry.resolve({ cursor }) },
      (error: unknown) => { if (this.#entries.has(entry)) this.#failed(entry, generation, error) })
  }

  #failed (entry: Entry<T>, generation: number, error: unknown): void {
    if (this.#options.isFinal(error)) {
      this.#entries.delete(entry)
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
    const { name, publishTimeout } = this.#options
    for (const entry of this.#entries) {
      if (entry.deadline > now) {
        this.#timer = timers.setTimeout(this.#expire, Math.ceil(entry.deadline - now))
        return
      }
      this.#entries.delete(entry)
      entry.reject(new PublishTimeout(name, publishTimeout))
    }
  }
}
