import { randomBytes } from 'node:crypto'
import type { Accepted, Engine, Publication, Retention } from '../engine/engine.js'
import type { WireSocket } from '../socket/socket.js'

// Of messages that never came back the oldest are forgotten.
const MAX_EXCEPTIONS = 10_000

/** Hands messages to the engine, and knows which of them have a socket of this process that is not to get them. */
export class Publisher {
  published = 0
  readonly #engine: Engine
  readonly #exceptions = new Map<string, WireSocket>()
  readonly #idPrefix = randomBytes(12).toString('base64url')
  #lastId = 0
  #underWay = 0
  #whenSettled: (() => void) | undefined

  constructor (engine: Engine) {
    this.#engine = engine
  }

  /**
   * @param except the socket that does not get the message
   * @param id the one that a message had when it was published before
   */
  async publish (topic: string, message: Omit<Publication, 'id'>, retention: Retention, except?: WireSocket, id = this.#nextId()): Promise<Accepted> {
    if (except !== undefined) this.#except(id, except)
    this.#underWay++
    const { data, isBinary, kind, isCompressible = true } = message
    let accepted: Accepted
    try {
      accepted = await this.#engine.publish(topic, { id, data, isBinary, kind, isCompressible }, retention)
    } catch (error) {
      this.#exceptions.delete(id)
      throw error
    } finally {
      if (--this.#underWay === 0) this.#whenSettled?.()
    }
    this.published++
    return accepted
  }

  /** The socket that does not get a message, asked once. */
  takeException (id: string): WireSocket | undefined {
    if (this.#exceptions.size === 0) return undefined
    const socket = this.#exceptions.get(id)
    if (socket !== undefined) this.#exceptions.delete(id)
    return socket
  }

  /** Resolves when nothing is under way. */
  async settled (): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => { this.#whenSettled = resolve })
  }

  #nextId (): string {
    return `${this.#idPrefix}.${(++this.#lastId).toString(36)}`
  }

  #except (id: string, socket: WireSocket): void {
    if (this.#exceptions.size >= MAX_EXCEPTIONS) {
      const [oldest] = this.#exceptions.keys()
      this.#exceptions.delete(oldest as string)
    }
    this.#exceptions.set(id, socket)
  }
}
