/**
 * What has to be done for a member, and could not be while the engine was down: a join or a leave. It is done when the
 * engine is back, unless something newer came for that member.
 */
export class Unfinished {
  readonly #actions = new Map<string, () => Promise<void>>()
  readonly #failed: (key: string) => void
  #isClosed = false

  /** @param failed is called when an action has failed and waits for `retry()` */
  constructor (failed: (key: string) => void = () => {}) {
    this.#failed = failed
  }

  /** Rejects only after `close()`: what fails before is tried again. */
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

  /** Tries one action again, where it is still to be done. */
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
