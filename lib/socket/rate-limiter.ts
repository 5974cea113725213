import { MAX_DELAY } from './deadlines.js'
import { timers } from '../timers.js'

/** The limit on messages from one peer. */
export interface Rate {
  /** Messages per second on average. */
  readonly rate: number
  /** Messages at once. */
  readonly burst: number
  /** Whether to pause reading at the limit. If false, exceeding it closes the socket. */
  readonly pauses: boolean
}

/** The connection, as far as its RateLimiter uses it. */
export interface ThrottledConnection {
  /** Stops receiving. */
  throttle (): void
  /** Resumes receiving. */
  unthrottle (): void
  close (code: number, reason: string): void
}

// In milliseconds. Without a minimum, each message of a throttled socket would need a timer of its own.
const MIN_PAUSE = 50

/**
 * A token bucket: each message consumes a token, and tokens return over time.
 *
 *   tokens left ── last token consumed ──▶ empty ─┬─ 'pause': throttled until tokens return ──▶ tokens left
 *        ▲                                        ├─ 'close': the next message closes with 1008
 *        └──────────── tokens return ─────────────┘
 *
 * A timer runs only while the socket is throttled.
 */
export class RateLimiter {
  readonly #settings: Rate
  readonly #connection: ThrottledConnection
  #tokens: number
  #filledAt: number
  #timer: NodeJS.Timeout | undefined
  #isExceeded = false

  constructor (settings: Rate, connection: ThrottledConnection) {
    this.#settings = settings
    this.#connection = connection
    this.#tokens = settings.burst
    this.#filledAt = timers.now()
  }

  /**
   * Consumes a token for a message.
   * @returns whether the message may be delivered
   */
  tryConsume (): boolean {
    if (this.#isExceeded) return false
    this.#fill()
    if (this.#tokens < 1) {
      this.#exceed()
      return false
    }
    this.#tokens--
    if (this.#tokens < 1 && this.#settings.pauses) {
      this.#connection.throttle()
      this.#wait()
    }
    return true
  }

  /** Stops throttling. If the socket is closing, messages above the limit are then dropped. */
  stop (): void {
    if (this.#timer === undefined) return
    timers.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#connection.unthrottle()
  }

  #fill (): void {
    const { rate, burst } = this.#settings
    const time = timers.now()
    this.#tokens = Math.min(burst, this.#tokens + (time - this.#filledAt) * rate / 1_000)
    this.#filledAt = time
  }

  // With 'pause', this happens only if the socket is already closing, and close() does nothing.
  #exceed (): void {
    this.#isExceeded = true
    const { rate, burst } = this.#settings
    this.#connection.close(1008, `message rate exceeded: at most ${burst} at once, ${rate} per second`)
  }

  #wait (): void {
    const { rate, burst } = this.#settings
    const missing = Math.min(burst, Math.max(1, rate * MIN_PAUSE / 1_000)) - this.#tokens
    this.#timer = timers.setTimeout(() => {
      this.#fill()
      // The timer may fire early by the other clock, or at the maximum delay.
      if (this.#tokens < 1) this.#wait()
      else this.stop()
    }, Math.min(Math.ceil(missing * 1_000 / rate), MAX_DELAY))
  }
}
