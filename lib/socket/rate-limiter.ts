import { MAX_DELAY } from './deadlines.js'
import { timers } from '../timers.js'

/** How many messages a socket may receive, resolved when its route was registered. */
export interface Rate {
  /** Messages per second, over time. */
  readonly rate: number
  /** Messages at once. */
  readonly burst: number
  /** Whether one more is waited for, or closes the socket. */
  readonly pauses: boolean
}

/** What a bucket does to its conversation. */
export interface Throttled {
  /** Receives nothing more for now. */
  throttle (): void
  /** Receives on. */
  unthrottle (): void
  close (code: number, reason: string): void
}

// Messages that are let in one by one would each cost a timer, and a look at all that wait behind them.
const SHORTEST_PAUSE = 50

/**
 * The messages that a socket may still receive, a token each.
 *
 *   full ── message ──▶ … ── message ──▶ empty ┬─ 'pause': throttled until tokens are back ──▶ …
 *    ▲                    tokens return        └─ 'close': one message more closes with 1008
 *    └──────────────────────────┘
 *
 * There is a timer only while a socket is throttled.
 */
export class RateLimiter {
  readonly #settings: Rate
  readonly #connection: Throttled
  #tokens: number
  #filledAt: number
  #timer: NodeJS.Timeout | undefined
  #isExceeded = false

  constructor (settings: Rate, conversation: Throttled) {
    this.#settings = settings
    this.#connection = conversation
    this.#tokens = settings.burst
    this.#filledAt = timers.now()
  }

  /**
   * A message has come.
   * @returns whether it may be told
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

  /** Waits no longer: what is too much is then not told, since the conversation closes. */
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

  // With 'pause' this happens only when the socket is closing already: then the close does nothing.
  #exceed (): void {
    this.#isExceeded = true
    const { rate, burst } = this.#settings
    this.#connection.close(1008, `more than ${burst} messages at once, or ${rate} a second`)
  }

  #wait (): void {
    const { rate, burst } = this.#settings
    const missing = Math.min(burst, Math.max(1, rate * SHORTEST_PAUSE / 1_000)) - this.#tokens
    this.#timer = timers.setTimeout(() => {
      this.#fill()
      // The clock of the timers may run ahead of the other, and there is a longest delay.
      if (this.#tokens < 1) this.#wait()
      else this.stop()
    }, Math.min(Math.ceil(missing * 1_000 / rate), MAX_DELAY))
  }
}
