import { nextTick } from '../timers.js'
import { inCallersContext } from './async-context.js'

export type WriteCallback = (error?: Error) => void

/**
 * A callback that waits for bytes to leave. Mostly they have when the tick ends: then it is called by a tick of its own
 * caller, and so in its context. Only one that waits longer pays for keeping that.
 *
 *   tick of the caller ──▶ left? ──yes──▶ called
 *                            └──no──▶ bound to its context ── settle() ──▶ called
 */
export class WaitingCallback {
  #callback: WriteCallback
  #error: Error | null | undefined
  #isBound = false

  constructor (callback: WriteCallback) {
    this.#callback = callback
    nextTick(endTick, this)
  }

  /** The bytes have left, or never will. Never calls back within this call. */
  settle (error: Error | null): void {
    this.#error = error
    if (this.#isBound) nextTick(this.#callback, error ?? undefined)
  }

  /** @internal */
  endTick (): void {
    if (this.#error !== undefined) {
      this.#callback(this.#error ?? undefined)
    } else {
      this.#callback = inCallersContext(this.#callback)
      this.#isBound = true
    }
  }
}

function endTick (waiting: WaitingCallback): void {
  waiting.endTick()
}
