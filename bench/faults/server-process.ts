import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { FromServer, ToServer } from './server.js'

/** What each process runs. */
export const SCRIPT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './server.ts' : './server.js', import.meta.url))

export interface ServerProcessOptions {
  readonly kind: string
  readonly url: string
  /** Of this publisher: no two processes have the same. */
  readonly number: number
  readonly script: string
  /** Something was accepted or rejected. */
  readonly settled: (accepted: readonly number[]) => void
}

/** A server process, from its start to its end. */
export class ServerProcess {
  port = 0
  /** How many messages it was told to publish, and has not reported. */
  underWay = 0
  rejected = 0
  isGone = false
  readonly #child: ChildProcess

  constructor ({ kind, url, number, script, settled }: ServerProcessOptions) {
    this.#child = fork(script, [kind, url, String(number)], { execArgv: [] })
    this.#child.on('error', () => {})
    this.#child.on('message', ({ accepted = [], rejected = 0 }: FromServer) => {
      this.underWay -= accepted.length + rejected
      this.rejected += rejected
      settled(accepted)
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

  /** Ends as in a deployment: what it publishes is still accepted, and its clients go elsewhere. */
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
    // Whether these were accepted, nobody knows.
    this.underWay = 0
  }

  async #gone (): Promise<void> {
    const child = this.#child
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  #send (order: ToServer): void {
    // A process that ends meanwhile is noticed where it is ended.
    if (this.#child.connected) this.#child.send(order, () => {})
  }
}
