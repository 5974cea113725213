import { UncleanClose } from '../errors.js'

type PullResult = IteratorResult<unknown, undefined>

/** Returns an async iterator over the messages of a Receiver. */
export function iterate (receiver: { pull (): PullQueue, stopPulling (): void }): AsyncIterableIterator<unknown> {
  const queue = receiver.pull()
  return {
    next: () => queue.pull() as Promise<IteratorResult<unknown, undefined>>,
    return: async () => {
      receiver.stopPulling()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator] () { return this }
  }
}

/** Passes queued messages to the callers of `pull()`, in the order of the calls. */
export class PullQueue {
  readonly #take: () => PullResult | undefined
  readonly #closeCode: () => number | undefined
  readonly #taken: () => void
  readonly #waiting: Array<{ resolve: (result: PullResult) => void, reject: (error: Error) => void }> = []
  #thrown = false

  /** @param taken called after each message taken. It may cause further messages to arrive. */
  constructor (take: () => PullResult | undefined, closeCode: () => number | undefined, taken: () => void) {
    this.#take = take
    this.#closeCode = closeCode
    this.#taken = taken
  }

  pull (): Promise<PullResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.settle()
    })
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
        next.resolve({ done: true, value: undefined })
      }
    }
  }
}
