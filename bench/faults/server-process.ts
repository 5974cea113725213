import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { moduleUrl } from '../place.js'
import type { FromServer, ToServer } from './server.js'

/** The script that each process runs. */
export const SCRIPT = moduleUrl('faults/server')

export interface ServerProcessOptions {
  readonly kind: string
  readonly url: string
  /** The number of this publisher, different for each process. */
  readonly number: number
  readonly script: string | URL
  /** Called with the accepted messages when some were accepted or rejected. */
  readonly onReport: (accepted: readonly number[]) => void
}

/** A server process, from its start to its end. */
export class ServerProcess {
  port = 0
  /** How many of its messages are neither accepted nor rejected yet. */
  underWay = 0
  rejected = 0
  isGone = false
  readonly #child: ChildProcess

  constructor ({ kind, url, number, script, onReport }: ServerProcessOptions) {
    this.#child = fork(script, [kind, url, String(number)], { execArgv: [] })
    this.#child.on('error', () => {})
    this.#child.on('message', ({ accepted = [], rejected = 0 }: FromServer) => {
      this.underWay -= accepted.length + rejected
      this.rejected += rejected
      onReport(accepted)
    })
  }

  async started (): Promise<void> {
    const child = this.#child
    this.port = await new Promise<number>((resolve, reject) => {
      child.on('message', ({ port }: FromServer) => { if (port !== undefined) resolve(port) })
      child.once('exit', () => { reject(new Error('a server process ended')) })
    })
  }

  publish (count: number): void {
    this.underWay += count
    this.#send({ publish: count })
  }

  /** Stops the server as a deployment does: its messages are still published, and its clients reconnect elsewhere. */
  async close (): Promise<void> {
    this.isGone = true
    const gone = this.#gone()
    this.#send({ close: true })
    await gone
    this.underWay = 0
  }

  async kill (): Promise<void> {
    this.isGone = true
    const gone = this.#gone()
    this.#child.kill('SIGKILL')
    await gone
    // Nobody knows whether the unreported messages were accepted.
    this.underWay = 0
  }

  async #gone (): Promise<void> {
    const child = this.#child
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  #send (order: ToServer): void {
    // A process that was killed before the order is sent is no error: the fault killed it.
    if (this.#child.connected) this.#child.send(order, () => {})
  }
}
