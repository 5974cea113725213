import type { EventEmitter } from 'node:events'
import { isThenable } from './thenable.js'
import { timers } from '../timers.js'

/**
 * Emits 'close' as an EventEmitter does, which keeps for itself what its listeners return.
 * @param failed gets what an asynchronous listener rejects with
 * @param called gets what is still to come when the listeners have been called, also where one of them has thrown
 */
export function emitClose (
  emitter: EventEmitter, args: unknown[],
  failed: (error: unknown) => void, called: (running: Array<Promise<unknown>>) => void
): boolean {
  const listeners = emitter.rawListeners('close')
  const running: Array<Promise<unknown>> = []
  try {
    for (const listener of listeners) {
      const result: unknown = Reflect.apply(listener, emitter, args)
      if (isThenable(result)) running.push(Promise.resolve(result).catch(failed))
    }
  } finally {
    if (running.length > 0) called(running)
  }
  return listeners.length > 0
}

/** The asynchronous listeners of 'close' that still run, for an application that closes what they need. */
export class CloseListeners {
  // To each, when it is waited for no longer.
  readonly #running = new Map<Promise<unknown>, number>()
  #settled: (() => void) | undefined

  /** @param timeout how long they may take, in milliseconds */
  add (running: Array<Promise<unknown>>, timeout: number): void {
    const now = timers.now()
    // Those that never settle are not kept for as long as the application runs.
    for (const [promise, end] of this.#running) {
      if (end > now) break
      this.#running.delete(promise)
    }
    const all = Promise.all(running)
    this.#running.set(all, now + timeout)
    all.finally(() => {
      this.#running.delete(all)
      if (this.#running.size === 0) this.#settled?.()
    })
  }

  /** Resolves when all of them have settled, or their time is over. */
  async settled (): Promise<void> {
    if (this.#running.size === 0) return
    const left = Math.max(...this.#running.values()) - timers.now()
    await new Promise<void>((resolve) => {
      const timer = timers.setTimeout(resolve, Math.max(0, left))
      this.#settled = () => {
        timers.clearTimeout(timer)
        resolve()
      }
    })
  }
}
