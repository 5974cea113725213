import { HandshakeUnanswered } from '../errors.js'
import type { Upgrade } from './response.js'
import { answerUnavailable } from './unavailable.js'
import { timers } from '../timers.js'

/** The upgrade that a deadline is for. */
export type Answerable = Pick<Upgrade, 'hasBegun' | 'refuse'>

/**
 * The time that the answer of an upgrade may take.
 *
 *   running ── stop() ──▶ answered
 *      ├── time over, client late ──▶ its wait is given up, running once more
 *      ├── time over, answer begun ──▶ refuse() cuts
 *      └── time over ──▶ 503, `isOver`: what is answered now has to be dropped
 */
export class Deadline {
  readonly #upgrade: Answerable
  #timeout = 0
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #isStopped = false
  /** Gives up the wait for bytes of the client, while there is one. */
  giveUp: (() => void) | undefined

  constructor (upgrade: Answerable) {
    this.#upgrade = upgrade
  }

  /** In milliseconds. */
  get timeout (): number {
    return this.#timeout
  }

  get isOver (): boolean {
    return this.#isOver
  }

  /** Whether the answer has left, so that nothing is bounded any more. */
  get isStopped (): boolean {
    return this.#isStopped
  }

  /**
   * Does nothing where the answer has left already.
   * @param timeout in milliseconds
   * @param expired called with the 503
   */
  start (timeout: number, expired: () => void): void {
    if (this.#isStopped) return
    this.#timeout = timeout
    this.#timer = timers.setTimeout(() => { this.#expire(expired) }, timeout)
  }

  stop (): void {
    this.#isStopped = true
    timers.clearTimeout(this.#timer)
  }

  #expire (expired: () => void): void {
    const { giveUp } = this
    if (!this.#upgrade.hasBegun) {
      if (giveUp !== undefined) {
        this.start(this.#timeout, expired)
        giveUp()
        return
      }
      try {
        expired()
      } catch {
        // A log that throws is no reason to leave the client without an answer, nor to end the process.
      }
    }
    answerUnavailable(this.#upgrade, new HandshakeUnanswered(this.#timeout))
    this.#isOver = true
  }
}
