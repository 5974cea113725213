import { randomBytes } from 'node:crypto'
import type { Accepted, Engine, Publication, Retention } from '../engine/engine.js'
import type { WireSocket } from '../socket/socket.js'

// Messages may never return from the engine, so the oldest exclusions are dropped.
const MAX_EXCLUSIONS = 10_000

/** Publishes messages by the engine, and remembers for each which socket of this process must not receive it. */
export class Publisher {
  published = 0
  readonly #engine: Engine
  /** By message id. */
  readonly #excluded = new Map<string, WireSocket>()
  readonly #idPrefix = randomBytes(12).toString('base64url')
  #lastId = 0
  #pending = 0
  #whenSettled: (() => void) | undefined

  constructor (engine: Engine) {
    this.#engine = engine
  }

  /**
   * @param except a socket that does not receive the message
   * @param id the id of an earlier attempt to publish the same message
   */
  async publish (
    topic: string, message: Omit<Publication, 'id'>, retention: Retention, except?: WireSocket, id = this.#nextId()
  ): Promise<Accepted> {
    if (except !== undefined) this.#exclude(id, except)
    this.#pending++
    const { data, isBinary, kind, isCompressible = true } = message
    let accepted: Accepted
    try {
      accepted = await this.#engine.publish(topic, { id, data, isBinary, kind, isCompressible }, retention)
    } catch (error) {
      this.#excluded.delete(id)
      throw error
    } finally {
      if (--this.#pending === 0) this.#whenSettled?.()
    }
    this.published++
    return accepted
  }

  /** Returns the socket that must not receive a message, and forgets it. */
  takeExcluded (id: string): WireSocket | undefined {
    if (this.#excluded.size === 0) return undefined
    const socket = this.#excluded.get(id)
    if (socket !== undefined) this.#excluded.delete(id)
    return socket
  }

  /** Resolves when no publish is pending. */
  async settled (): Promise<void> {
    if (this.#pending > 0) await new Promise<void>((resolve) => { this.#whenSettled = resolve })
  }

  #nextId (): string {
    return `${this.#idPrefix}.${(++this.#lastId).toString(36)}`
  }

  #exclude (id: string, socket: WireSocket): void {
    if (this.#excluded.size >= MAX_EXCLUSIONS) {
      const [oldest] = this.#excluded.keys()
      this.#excluded.delete(oldest as string)
    }
    this.#excluded.set(id, socket)
  }
}
