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
  /** The one to be called before. */
  #previous: WaitingCallback | undefined
  #error: Error | null | undefined
  #isBound = false
  #isCalled = false

  constructor (callback: WriteCallback, previous: WaitingCallback | undefined) {
    this.#callback = callback
    this.#previous = previous
    nextTick(endTick, this)
  }

  /** The bytes have left, or never will. Never calls back within this call. */
  settle (error: Error | null): void {
    this.#error = error
    if (this.#isBound) nextTick(call, this)
  }

  /** @internal */
  endTick (): void {
    if (this.#error !== undefined) {
      this.call()
    } else {
      this.#callback = inCallersContext(this.#callback)
      this.#isBound = true
    }
  }

  /** @internal */
  call (): void {
    const due: WaitingCallback[] = []
    let next: WaitingCallback | undefined = this
    for (; next !== undefined && !next.#isCalled; next = next.#previous) due.push(next)
    for (next = due.pop(); next !== undefined; next = due.pop()) next.#run()
  }

  #run (): void {
    this.#isCalled = true
    this.#previous = undefined
    this.#callback(this.#error ?? undefined)
  }
}

function call (waiting: WaitingCallback): void {
  waiting.call()
}

function endTick (waiting: WaitingCallback): void {
  waiting.endTick()
}

/** The bytes that all of these wait for have left, or never will. */
export function settleAll (callbacks: readonly WaitingCallback[], error: Error | null): void {
  for (const callback of callbacks) callback.settle(error)
}
