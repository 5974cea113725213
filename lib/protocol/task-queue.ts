/**
 * Keeps what is sent in its order while a message is being compressed elsewhere.
 *
 *   free ── hold() ──▶ held ── release() ──▶ free, after what waited has run, unless that holds again
 */
export class TaskQueue {
  #isHeld = false
  #waiting: Array<(() => void) | undefined> = []
  /** Where the first task is that has not run: to shift a long array moves all that is in it. */
  #first = 0

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
    while (!this.#isHeld && this.#waiting.length > 0) {
      const task = this.#waiting[this.#first] as () => void
      this.#waiting[this.#first++] = undefined
      if (2 * this.#first >= this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#first)
        this.#first = 0
      }
      task()
    }
  }
}
