import type { Client } from './client.js'
import type { ServerProcess } from './server-process.js'

/** The most messages that a process publishes at once, and that the slowest client is behind. */
const UNDER_WAY = 100
const BEHIND = 1_000
/** How many a process is told to publish at a time. */
const PORTION = 20
/** When nothing has come for so long, what is missing is not waited for, in milliseconds. */
const QUIET = 500

/** Has the processes publish: as fast as they and the clients keep up, and no faster. */
export class Load {
  readonly servers: ServerProcess[] = []
  readonly accepted: number[] = []
  readonly #total: number
  readonly #clients: readonly Client[]
  readonly #waiting = new Set<() => void>()
  readonly #failed: Promise<never>
  #published = 0
  #turn = 0
  #isQuiet = false
  readonly #timer: NodeJS.Timeout
  /** Gives the case up. */
  fail: (error: Error) => void = () => {}

  constructor (total: number, clients: readonly Client[]) {
    this.#total = total
    this.#clients = clients
    this.#failed = new Promise((_resolve, reject) => { this.fail = reject })
    this.#failed.catch(() => {})
    this.#timer = setInterval(() => { this.#look() }, QUIET)
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  describe (): string {
    const received = this.#clients.map(({ received }) => received.length)
    const underWay = this.servers.map((server) => server.underWay)
    return `${this.#published} published, ${this.accepted.length} accepted, under way: ${underWay.join()}, received: ${received.join()}`
  }

  /** A process reports what was accepted. */
  settled (accepted: readonly number[]): void {
    for (const message of accepted) this.accepted.push(message)
    this.#changed()
  }

  /** A client got a message. */
  noticed (_message: number): void {
    this.#changed()
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

  /** One message behind all others, so that a hole before it shows. Resolves when all clients have it. */
  async publishEnd (): Promise<void> {
    const count = this.accepted.length
    this.servers[0]!.publish(1)
    await this.#until(() => this.accepted.length > count)
    const end = this.accepted.at(-1) as number
    await this.#until(() => this.#clients.every(({ received }) => received.includes(end, -100)))
  }

  #publishSome (): boolean {
    if (this.#behind() > BEHIND) return false
    for (let i = 0; i < this.servers.length; i++) {
      const server = this.servers[this.#turn++ % this.servers.length] as ServerProcess
      const count = Math.min(PORTION, UNDER_WAY - server.underWay, this.#total - this.#published)
      if (server.isGone || count <= 0) continue
      server.publish(count)
      this.#published += count
      return true
    }
    return false
  }

  #behind (): number {
    let most = 0
    for (const { received, forgiven, wasStalled } of this.#clients) {
      if (!wasStalled) most = Math.max(most, this.accepted.length - received.length - forgiven)
    }
    return most
  }

  #look (): void {
    if (this.#isQuiet) {
      for (const client of this.#clients) client.forgiven = Math.max(0, this.accepted.length - client.received.length)
      this.#changed()
    }
    this.#isQuiet = true
  }

  #changed (): void {
    this.#isQuiet = false
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #next (): Promise<void> {
    return this.within(new Promise((resolve) => { this.#waiting.add(resolve) }))
  }

  async #until (condition: () => boolean): Promise<void> {
    while (!condition()) await this.#next()
  }
}
