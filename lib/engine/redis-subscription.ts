/** A subscription that is, or will be, in force; it fails at once when the engine goes down before. */
export class Subscription {
  readonly listener: (message: Buffer) => void
  readonly #settled: Promise<void>
  #reject!: (error: Error) => void

  constructor (listener: (message: Buffer) => void, subscribing: Promise<void>) {
    this.listener = listener
    this.#settled = new Promise((resolve, reject) => {
      this.#reject = reject
      subscribing.then(resolve, reject)
    })
    this.#settled.catch(() => {})
  }

  inForce (): Promise<void> {
    return this.#settled
  }

  fail (error: Error): void {
    this.#reject(error)
  }
}
