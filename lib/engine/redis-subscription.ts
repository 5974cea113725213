/** A pending or active subscription. A pending one fails as soon as the engine goes down. */
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
