import { HandshakeUnanswered } from '../errors.js'
import { answerUnavailable } from './unavailable.js'
import { timers } from '../timers.js'

/** The response that a deadline is for. */
export interface Answerable {
  readonly headersSent: boolean
  getHeaderNames (): string[]
  removeHeader (name: string): void
  writeHead (status: number, headers: Record<string, string | number>): unknown
  end (body: string): unknown
  /** Cuts the connection: the answer has begun, and the client does not take it, or it does not end. */
  cut (): void
}

/**
 * The time that the answer of an upgrade may take.
 *
 *   running ── stop() ──▶ answered
 *      ├── time over, client late ──▶ its wait is given up, running once more
 *      ├── time over, answer begun ──▶ cut
 *      └── time over ──▶ 503, `isOver`: what is answered now has to be dropped
 */
export class Deadline {
  readonly #response: Answerable
  #timeout = 0
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #isStopped = false
  /** Gives up the wait for bytes of the client, while there is one. */
  giveUp: (() => void) | undefined

  constructor (response: Answerable) {
    this.#response = response
  }

  /** In milliseconds. */
  get timeout (): number {
    return this.#timeout
  }

  get isOver (): boolean {
    return this.#isOver
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
    if (this.#response.headersSent) {
      this.#response.cut()
    } else if (giveUp !== undefined) {
      this.start(this.#timeout, expired)
      giveUp()
    } else {
      expired()
      this.#answer()
    }
  }

  #answer (): void {
    const response = this.#response
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    answerUnavailable(response, new HandshakeUnanswered(this.#timeout))
    this.#isOver = true
  }
}
