/** A pending or active subscription. A pending one fails as soon as the engine goes down. */
export class Subscription {
  readonly listener: (message: Buffer) => void
  /** Whether the client has the listener; false if subscribing failed. */
  readonly isHeld: Promise<boolean>
  readonly #settled: Promise<void>
  #reject!: (error: Error) => void

  constructor (listener: (message: Buffer) => void, subscribing: Promise<void>) {
    this.listener = listener
    this.isHeld = subscribing.then(() => true, () => false)
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

type Kind = 'subscribe' | 'unsubscribe'

interface Command {
  readonly kind: Kind
  start (): void
}

/**
 * Keeps subscribing and unsubscribing apart: several commands of one kind may be in flight, but never of both kinds.
 *
 * The client does not expect both at once. It removes a listener only when the server has answered, so an UNSUBSCRIBE
 * sent before that ends a subscription that the client considers active. It also counts the commands in flight, but
 * miscounts after a lost connection, and stops reading messages or closes the connection when the count is zero.
 */
export class SubscriptionTurns {
  #kind: Kind = 'subscribe'
  #running = 0
  readonly #waiting: Command[] = []

  /** Runs the command at once, or after the earlier commands of the other kind. */
  run (kind: Kind, command: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        this.#kind = kind
        this.#running++
        command().then(resolve, reject).finally(() => {
          this.#running--
          this.#next()
        })
      }
      this.#waiting.push({ kind, start })
      this.#next()
    })
  }

  #next (): void {
    for (;;) {
      const next = this.#waiting[0]
      if (next === undefined || (this.#running > 0 && next.kind !== this.#kind)) return
      this.#waiting.shift()
      next.start()
    }
  }
}
