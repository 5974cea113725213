import type { EventEmitter } from 'node:events'
import { isThenable } from './thenable.js'
import { timers } from '../timers.js'

/**
 * Emits 'close' and collects the promises that the listeners return, which EventEmitter does not expose.
 * @param failed called when an asynchronous listener rejects
 * @param called called with the promises, even if a listener throws
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

/** Tracks asynchronous 'close' listeners, so that an application can wait for them on shutdown. */
export class CloseListeners {
  // Maps each promise to its deadline.
  readonly #running = new Map<Promise<unknown>, number>()
  #settled: (() => void) | undefined

  /** @param timeout how long the listeners may take, in milliseconds */
  add (running: Array<Promise<unknown>>, timeout: number): void {
    const now = timers.now()
    // Remove expired promises, because some never settle.
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

  /** Resolves when all listeners have settled or timed out. */
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
