import { Child } from './child.js'
import type { Facts } from './generator/load.js'
import type { Sample, Timing } from './generator/meter.js'
import type { Assignment } from './generator/process.js'
import type { Peer } from './peers.js'
import type { Row } from './rows.js'
import { startServer, type Server } from './server.js'

export interface Cores { readonly server: number, readonly load: number }

/**
 * A server and the process that makes its load, for one row. Connections are open and answers checked when it starts.
 */
export class Pair {
  readonly #server: Server
  readonly #load: Child
  readonly #row: Row
  facts: Facts = {}
  /** Resident bytes of the server per connection, if the row measures them. */
  bytes: number | undefined

  private constructor (server: Server, load: Child, row: Row) {
    this.#server = server
    this.#load = load
    this.#row = row
  }

  static async start (peer: Peer, row: Row, cores: Cores | undefined): Promise<Pair> {
    const server = await startServer(peer, row, cores?.server)
    const assignment: Assignment = { row, port: server.port, pid: server.pid }
    const load = new Child('generator/process', [], assignment, cores?.load)
    load.onAsk = server.cpu
    const pair = new Pair(server, load, row)
    try {
      await pair.#open()
      return pair
    } catch (error) {
      await pair.stop()
      throw error
    }
  }

  async #open (): Promise<void> {
    const { sockets, memory, deflate } = this.#row
    await this.#load.ask('open', memory ? 1 : sockets)
    this.facts = await this.#load.ask<Facts>('check')
    if (!memory || this.facts.note !== undefined) return
    const before = await this.#server.settle()
    await this.#load.ask('open', sockets)
    // Compression contexts are allocated with the first message.
    if (deflate) await this.#load.ask('touch')
    this.bytes = (await this.#server.settle() - before) / (sockets - 1)
  }

  async measure (timing: Timing): Promise<Sample> {
    return await this.#load.ask<Sample>('measure', timing)
  }

  async stop (): Promise<void> {
    await Promise.all([this.#load.stop(), this.#server.stop()])
  }
}
