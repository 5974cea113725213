import { UncleanClose } from '../errors.js'

type PullResult = IteratorResult<unknown, undefined>

const DONE: PullResult = { done: true, value: undefined }

/**
 * Returns an async iterator over the messages of a Receiver. Several iterators share the messages. As with
 * `events.on()`, `return()` ends the calls of `next()` that still wait.
 */
export function iterate (receiver: { pull (): PullQueue, stopPulling (): void }): AsyncIterableIterator<unknown> {
  const queue = receiver.pull()
  let hasReturned = false
  const iterator: AsyncIterableIterator<unknown> = {
    next: () => (hasReturned ? Promise.resolve(DONE) : queue.pull(iterator)) as Promise<IteratorResult<unknown>>,
    return: async () => {
      if (!hasReturned) {
        hasReturned = true
        queue.cancel(iterator)
        receiver.stopPulling()
      }
      return DONE
    },
    [Symbol.asyncIterator] () { return this }
  }
  return iterator
}

interface WaitingPull {
  readonly owner: unknown
  resolve (result: PullResult): void
  reject (error: Error): void
}

/** Passes queued messages to the callers of `pull()`, in the order of the calls. */
export class PullQueue {
  /** The number of iterators that have not returned. */
  iterators = 0
  readonly #take: () => PullResult | undefined
  readonly #closeCode: () => number | undefined
  readonly #taken: () => void
  #waiting: WaitingPull[] = []
  #thrown = false

  /** @param taken called after each message taken. It may cause further messages to arrive. */
  constructor (take: () => PullResult | undefined, closeCode: () => number | undefined, taken: () => void) {
    this.#take = take
    this.#closeCode = closeCode
    this.#taken = taken
  }

  pull (owner?: unknown): Promise<PullResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ owner, resolve, reject })
      this.settle()
    })
  }

  /** Ends the waiting calls of an owner. */
  cancel (owner: unknown): void {
    const cancelled = this.#waiting.filter((waiting) => waiting.owner === owner)
    this.#waiting = this.#waiting.filter((waiting) => waiting.owner !== owner)
    for (const { resolve } of cancelled) resolve(DONE)
  }

  /** Call this when a message or the close has arrived. */
  settle (): void {
    for (;;) {
      const next = this.#waiting[0]
      if (next === undefined) return
      const result = this.#take()
      const code = this.#closeCode()
      if (result === undefined && code === undefined) return
      this.#waiting.shift()
      if (result !== undefined) {
        next.resolve(result)
        this.#taken()
      } else if (code === 1006 && !this.#thrown) {
        this.#thrown = true
        next.reject(new UncleanClose(code))
      } else {
        next.resolve(DONE)
      }
    }
  }
}
