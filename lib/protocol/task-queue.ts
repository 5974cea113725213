/**
 * Runs tasks in order, and queues them while an asynchronous one is under way.
 *
 *   free ── hold() ──▶ held ── release(): runs the queued tasks until one calls hold() ──▶ free, or held again
 */
export class TaskQueue {
  #isHeld = false
  #waiting: Array<(() => void) | undefined> = []
  /** The index of the next task: shift() would move all elements of a long array. */
  #first = 0

  /** Whether new tasks have to wait. */
  get isHeld (): boolean {
    return this.#isHeld || this.#waiting.length > 0
  }

  /** Runs a task after all earlier ones: now, unless the queue is held. */
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
