import { HandshakeUnanswered } from '../errors.js'
import type { Upgrade } from './response.js'
import { answerUnavailable } from './unavailable.js'
import { timers } from '../timers.js'

type UnansweredUpgrade = Pick<Upgrade, 'hasBegun' | 'refuse'>

/**
 * The time limit for the answer to an upgrade.
 *
 *   running ── stop() ──▶ stopped
 *      ├── expires, waiting for the client ──▶ giveUp(), running again
 *      ├── expires, answer has begun ──▶ refuse() destroys the connection
 *      └── expires ──▶ 503; `isOver`: later answers are dropped
 */
export class Deadline {
  readonly #upgrade: UnansweredUpgrade
  #timeout = 0
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #isStopped = false
  /** Set while the server waits for bytes of the client: ends that wait. */
  giveUp: (() => void) | undefined

  constructor (upgrade: UnansweredUpgrade) {
    this.#upgrade = upgrade
  }

  /** In milliseconds. */
  get timeout (): number {
    return this.#timeout
  }

  get isOver (): boolean {
    return this.#isOver
  }

  /** Whether the answer was sent or the connection closed. */
  get isStopped (): boolean {
    return this.#isStopped
  }

  /**
   * Does nothing after `stop()`.
   * @param timeout in milliseconds
   * @param onExpired called before the 503 is sent
   */
  start (timeout: number, onExpired: () => void): void {
    if (this.#isStopped) return
    this.#timeout = timeout
    this.#timer = timers.setTimeout(() => { this.#expire(onExpired) }, timeout)
  }

  stop (): void {
    this.#isStopped = true
    timers.clearTimeout(this.#timer)
  }

  #expire (onExpired: () => void): void {
    const { giveUp } = this
    if (!this.#upgrade.hasBegun) {
      if (giveUp !== undefined) {
        this.start(this.#timeout, onExpired)
        giveUp()
        return
      }
      try {
        onExpired()
      } catch {
        // A logger may throw. Answer the client all the same.
      }
    }
    answerUnavailable(this.#upgrade, new HandshakeUnanswered(this.#timeout))
    this.#isOver = true
  }
}
