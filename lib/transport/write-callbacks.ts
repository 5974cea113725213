import { nextTick } from '../timers.js'
import { inCallersContext } from './async-context.js'

export type WriteCallback = (error?: Error) => void

/**
 * A callback that waits for bytes to be sent. Usually they are sent by the end of the tick: then it is called through
 * the caller's own nextTick(), and so in the caller's async context. A callback that waits longer is bound to it.
 *
 *   end of the tick ──▶ settled? ── yes ──▶ called
 *                           └────── no ──▶ bound to the context ── settle() ──▶ called
 */
export class WaitingCallback {
  #callback: WriteCallback
  /** The callback to call before this one. */
  #previous: WaitingCallback | undefined
  #error: Error | null | undefined
  #isBound = false
  #isCalled = false

  constructor (callback: WriteCallback, previous: WaitingCallback | undefined) {
    this.#callback = callback
    this.#previous = previous
    nextTick(endTick, this)
  }

  /** Call this when the bytes were sent, or with the error if they never will be. Calls back asynchronously. */
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

/** Settles several callbacks. */
export function settleAll (callbacks: readonly WaitingCallback[], error: Error | null): void {
  for (const callback of callbacks) callback.settle(error)
}
