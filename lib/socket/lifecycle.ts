import { timers } from '../timers.js'

const OPEN = 0
const CLOSING = 1
const DISCONNECTED = 2
const ENDED = 3
const CLOSED = 4

/**
 * The states of a connection, from its open to the one 'close':
 *
 *   open ── startClosing() ──▶ closing: the close timer runs
 *     │                           │
 *     │ stream closed             │ stream closed, possibly by the close timer
 *     ▼                           ▼
 *   disconnected ◀────────────────┘
 *     │ all bytes received before were processed, or are lost
 *     ▼
 *   ended: the timer is cleared, `readyState` is 3
 *     │ no queued message can be taken anymore
 *     ▼
 *   closed: 'close' has been emitted
 *
 * The protocol has its own state, that of the closing handshake. It is 'closed' when the connection is `ended`.
 * This is a base class of Connection, because a separate object would cost each idle socket 40 bytes.
 */
export abstract class Lifecycle {
  #state: typeof OPEN | typeof CLOSING | typeof DISCONNECTED | typeof ENDED | typeof CLOSED = OPEN
  #closeTimer: NodeJS.Timeout | undefined

  /** Whether the stream is closed. */
  get isDisconnected (): boolean {
    return this.#state >= DISCONNECTED
  }

  /** Whether nothing can be sent or received anymore. */
  get isEnded (): boolean {
    return this.#state >= ENDED
  }

  /** Whether 'close' has been emitted. */
  get isClosed (): boolean {
    return this.#state === CLOSED
  }

  /** Starts the close timer: `destroy()` is called after `timeout` milliseconds. */
  startClosing (timeout: number): void {
    if (this.#state !== OPEN) return
    this.#state = CLOSING
    this.#closeTimer = timers.setTimeout(() => { this.destroy() }, timeout)
  }

  /** Call this when the stream is closed. */
  disconnect (): void {
    if (this.#state < DISCONNECTED) this.#state = DISCONNECTED
  }

  /** Call this when nothing more will be received. */
  finish (): void {
    if (this.#state < ENDED) this.#state = ENDED
  }

  stopCloseTimer (): void {
    timers.clearTimeout(this.#closeTimer)
  }

  /** Emits 'close', once, unless it is held. */
  tryEmitClose (): void {
    if (this.#state !== ENDED || this.isCloseHeld) return
    this.#state = CLOSED
    this.emitClose()
  }

  /** Whether queued messages may still be taken, so 'close' has to wait. */
  protected abstract get isCloseHeld (): boolean
  /** Destroys the connection. */
  protected abstract destroy (): void
  protected abstract emitClose (): void
}
