/**
 * Joins and leaves that failed because the engine was down. They are retried when the engine is back, unless a newer
 * action for the same member has replaced them.
 */
export class Unfinished {
  readonly #actions = new Map<string, () => Promise<void>>()
  readonly #failed: (key: string) => void
  #isClosed = false

  /** @param failed called when an action has failed and waits for `retry()` */
  constructor (failed: (key: string) => void = () => {}) {
    this.#failed = failed
  }

  /** Runs an action. Rejects only after `close()`: an action that fails earlier is kept for `retry()`. */
  async attempt (key: string, action: () => Promise<void>): Promise<void> {
    this.#actions.delete(key)
    try {
      await action()
    } catch (error) {
      if (this.#isClosed) throw error
      this.#actions.set(key, action)
      this.#failed(key)
    }
  }

  /** Tries one action again, unless it has succeeded or been replaced. */
  retry (key: string): void {
    const action = this.#actions.get(key)
    if (action !== undefined) this.attempt(key, action).catch(() => {})
  }

  retryAll (): void {
    for (const key of Array.from(this.#actions.keys())) this.retry(key)
  }

  close (): void {
    this.#isClosed = true
    this.#actions.clear()
  }
}
