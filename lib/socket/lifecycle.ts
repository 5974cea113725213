import { timers } from '../timers.js'

const OPEN = 0
const CLOSING = 1
const DISCONNECTED = 2
const ENDED = 3
const CLOSED = 4

/**
 * The life of a connection, from its open to the one 'close'. It only ever goes forward:
 *
 *                          startClosing()
 *   open ───────────────────────────────────────────▶ closing: the close timer runs
 *    │  the stream is gone                               │ the stream is gone, by itself or by the timer
 *    └───────────────────────▶ disconnected ◀────────────┘
 *                                   │ what came before that has been received, or is lost
 *                                   ▼
 *                                 ended: the timer is cleared, `readyState` is 3
 *                                   │ no message waits that somebody may still take
 *                                   ▼
 *                                 closed: 'close' has been emitted
 *
 * The protocol has a state of its own, that of the closing handshake. It is 'closed' when this is `ended`.
 * This is the base class of Connection, not a part of it: an object of its own would cost each idle socket 40 bytes.
 */
export abstract class Lifecycle {
  #state: typeof OPEN | typeof CLOSING | typeof DISCONNECTED | typeof ENDED | typeof CLOSED = OPEN
  #closeTimer: NodeJS.Timeout | undefined

  /** Whether the stream is gone. */
  get isDisconnected (): boolean {
    return this.#state >= DISCONNECTED
  }

  /** Whether nothing more is sent or received. */
  get isEnded (): boolean {
    return this.#state >= ENDED
  }

  /** Whether 'close' has been emitted. */
  get isClosed (): boolean {
    return this.#state === CLOSED
  }

  /** The closing handshake has begun: the peer has `timeout` milliseconds for its part. */
  startClosing (timeout: number): void {
    if (this.#state !== OPEN) return
    this.#state = CLOSING
    this.#closeTimer = timers.setTimeout(() => { this.cut() }, timeout)
  }

  /** The stream is gone. */
  disconnect (): void {
    if (this.#state < DISCONNECTED) this.#state = DISCONNECTED
  }

  /** Nothing more is received. */
  finish (): void {
    if (this.#state < ENDED) this.#state = ENDED
  }

  stopCloseTimer (): void {
    timers.clearTimeout(this.#closeTimer)
  }

  /** Emits 'close', once, when nothing is in its way any more. */
  tryEmitClose (): void {
    if (this.#state !== ENDED || this.isCloseHeld) return
    this.#state = CLOSED
    this.emitClose()
  }

  /** Whether messages came before the close that somebody may still take. */
  protected abstract get isCloseHeld (): boolean
  protected abstract cut (): void
  protected abstract emitClose (): void
}
