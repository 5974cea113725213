import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { RawClient, text } from '../fixtures/client.js'
import { turn } from '../fixtures/memory.js'

/**
 * The longest time that an honest peer may wait for an echo, in turns of the event loop. It takes at least two: one for
 * its message, and one for the echo.
 */
export const MOST_TURNS = 16

/** Adds the route that honest peers use. */
export function addHonestRoute (app: FastifyInstance): void {
  app.ws('/honest', (socket) => { socket.on('message', (data) => { socket.send(String(data)) }) })
}

/**
 * A peer that follows the protocol while others do not. Its waiting time is counted in turns of the event loop, which
 * do not depend on the machine.
 */
export class HonestPeer {
  readonly #client: RawClient
  most = 0
  echoes = 0

  private constructor (client: RawClient) {
    this.#client = client
  }

  static async connect (t: Test, port: number): Promise<HonestPeer> {
    const client = new RawClient(t, port)
    client.socket.setNoDelay(true)
    await client.upgrade('/honest')
    return new HonestPeer(client)
  }

  /** Sends a message and waits for its echo. @returns the number of turns until it arrived */
  async echo (): Promise<number> {
    const message = `message ${this.echoes++}`
    this.#client.write(text(message))
    let turns = 0
    const state = { isDone: false }
    const done = this.#client.readText().then((echo) => {
      if (echo !== message) throw new Error(`received ${echo} instead of ${message}`)
      state.isDone = true
    })
    for (; !state.isDone && turns < 10_000; turns++) await turn()
    await done
    this.most = Math.max(this.most, turns)
    return turns
  }

  /** Sends messages until a promise settles. @returns the largest number of turns of an echo */
  async echoUntil (over: Promise<unknown>): Promise<number> {
    const state = { isOver: false }
    const end = (): void => { state.isOver = true }
    over.then(end, end)
    while (!state.isOver) await this.echo()
    return this.most
  }
}
