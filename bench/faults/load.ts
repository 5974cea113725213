import type { Client } from './client.js'
import type { ServerProcess } from './server-process.js'

/** How many messages a process may have under way. */
const MAX_UNDER_WAY = 100
/** How many messages the slowest client may lag behind. */
const MAX_LAG = 1_000
/** How many messages a process publishes per order. */
const BATCH = 20
/** If nothing happens for this long, the load stops waiting for missing messages, in milliseconds. */
const QUIET_INTERVAL = 500

/** Makes the server processes publish, at the rate at which they and the clients keep up. */
export class Load {
  readonly servers: ServerProcess[] = []
  readonly accepted: number[] = []
  readonly #total: number
  readonly #clients: readonly Client[]
  readonly #waiters = new Set<() => void>()
  readonly #failed: Promise<never>
  #published = 0
  #turn = 0
  #isQuiet = false
  readonly #timer: NodeJS.Timeout
  /** Rejects everything that runs in `within()`. */
  fail: (error: Error) => void = () => {}

  constructor (total: number, clients: readonly Client[]) {
    this.#total = total
    this.#clients = clients
    this.#failed = new Promise((_resolve, reject) => { this.fail = reject })
    this.#failed.catch(() => {})
    this.#timer = setInterval(() => { this.#checkProgress() }, QUIET_INTERVAL)
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  describe (): string {
    const received = this.#clients.map(({ received }) => received.length)
    const underWay = this.servers.map((server) => server.underWay)
    return `${this.#published} published, ${this.accepted.length} accepted, under way: ${underWay.join()}, received: ${received.join()}`
  }

  addAccepted (accepted: readonly number[]): void {
    for (const message of accepted) this.accepted.push(message)
    this.update()
  }

  /** Checks the awaited conditions again, after a message was accepted, rejected or received. */
  update (): void {
    this.#isQuiet = false
    for (const wake of this.#waiters) wake()
    this.#waiters.clear()
  }

  within<T> (running: Promise<T>): Promise<T> {
    return Promise.race([running, this.#failed])
  }

  reached (part: number): Promise<void> {
    return this.#until(() => this.#published >= part * this.#total)
  }

  async publishAll (): Promise<void> {
    while (this.#published < this.#total) {
      if (!this.#publishSome()) await this.#next()
    }
    await this.#until(() => this.servers.every(({ underWay }) => underWay === 0))
  }

  /** Publishes a last message, so that clients notice a gap before it. Resolves when all clients have received it. */
  async publishEnd (): Promise<void> {
    const count = this.accepted.length
    this.servers[0]!.publish(1)
    await this.#until(() => this.accepted.length > count)
    const end = this.accepted.at(-1) as number
    await this.#until(() => this.#clients.every(({ received }) => received.includes(end, -100)))
  }

  #publishSome (): boolean {
    if (this.#lag() > MAX_LAG) return false
    for (let i = 0; i < this.servers.length; i++) {
      const server = this.servers[this.#turn++ % this.servers.length] as ServerProcess
      const count = Math.min(BATCH, MAX_UNDER_WAY - server.underWay, this.#total - this.#published)
      if (server.isGone || count <= 0) continue
      server.publish(count)
      this.#published += count
      return true
    }
    return false
  }

  /** How many messages the slowest client lags behind, except those that a fault stalled. */
  #lag (): number {
    let most = 0
    for (const { received, writtenOff, wasStalled } of this.#clients) {
      if (!wasStalled) most = Math.max(most, this.accepted.length - received.length - writtenOff)
    }
    return most
  }

  /** Without progress since the last call, the missing messages are lost, or were not in any history: go on without. */
  #checkProgress (): void {
    if (this.#isQuiet) {
      for (const client of this.#clients) client.writtenOff = Math.max(0, this.accepted.length - client.received.length)
      this.update()
    }
    this.#isQuiet = true
  }

  #next (): Promise<void> {
    return this.within(new Promise((resolve) => { this.#waiters.add(resolve) }))
  }

  async #until (condition: () => boolean): Promise<void> {
    while (!condition()) await this.#next()
  }
}
