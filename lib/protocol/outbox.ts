/**
 * Keeps what is sent in its order while a message is being compressed elsewhere.
 *
 *   free ── hold() ──▶ held ── release() ──▶ free, after what waited has run, unless that holds again
 */
export class Outbox {
  #isHeld = false
  #waiting: Array<() => void> = []

  /** Whether a task would have to wait. */
  get isHeld (): boolean {
    return this.#isHeld || this.#waiting.length > 0
  }

  /** Runs a task when all before it have run: now, if nothing is held. */
  run (task: () => void): void {
    if (this.isHeld) this.#waiting.push(task)
    else task()
  }

  hold (): void {
    this.#isHeld = true
  }

  release (): void {
    this.#isHeld = false
    while (!this.#isHeld) {
      const task = this.#waiting.shift()
      if (task === undefined) return
      task()
    }
  }
}
