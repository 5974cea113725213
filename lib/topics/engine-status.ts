import type { EngineState } from '../engine/engine.js'
import { timers } from '../timers.js'

export interface EngineObserver {
  state (state: EngineState, error: Error | undefined): void
  /** A listener, or a background operation of the engine, has failed. */
  failed (error: unknown): void
}

// In milliseconds.
const RETRY_DELAY = 1_000

/** The state of the engine, and the operations that wait until it is ready. */
export class EngineStatus {
  state: EngineState = 'down'
  isClosed = false
  #isKnown = false
  /** Whether an error was reported since the engine is down. */
  #hasFailed = false
  readonly #observer: EngineObserver
  #onReady: Array<() => void> = []

  constructor (observer: EngineObserver) {
    this.#observer = observer
  }

  /** @returns whether the engine has become ready */
  change (state: EngineState, error: Error | undefined): boolean {
    // The first state is reported in any case, because an engine may be down from the start.
    if ((this.state === state && this.#isKnown) || this.isClosed) return false
    this.#isKnown = true
    this.state = state
    this.#hasFailed = false
    this.#observer.state(state, error)
    if (state === 'down') return false
    const callbacks = this.#onReady
    this.#onReady = []
    for (const callback of callbacks) callback()
    return true
  }

  /** Ends all waiting, because the engine closes. */
  release (): void {
    for (const callback of this.#onReady.splice(0)) callback()
  }

  /**
   * Reports an error. Resolves when the engine is ready, or after a delay if it already is. While the engine is down,
   * everything fails in the same way, so only the first error is reported.
   */
  retry (error: unknown): Promise<void> {
    if (this.state === 'ready' || !this.#hasFailed) this.#observer.failed(error)
    this.#hasFailed = true
    return new Promise((resolve) => {
      if (this.state === 'down' && !this.isClosed) this.#onReady.push(resolve)
      else timers.setTimeout(resolve, RETRY_DELAY).unref()
    })
  }
}
