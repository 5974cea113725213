import { UncleanClose } from '../errors.js'

type PullResult = IteratorResult<unknown, undefined>

/** Hands the inbox to those who ask, in the order they ask. */
export class PullQueue {
  readonly #take: () => PullResult | undefined
  readonly #closeCode: () => number | undefined
  readonly #taken: () => void
  readonly #waiting: Array<{ resolve: (result: PullResult) => void, reject: (error: Error) => void }> = []
  #thrown = false

  /** @param taken called when something was taken and handed over: what it brings about may settle others */
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

  /** Something has come, a message or the close. */
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
