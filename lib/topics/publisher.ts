import { randomBytes } from 'node:crypto'
import type { Accepted, Engine, Publication, Retention } from '../engine/engine.js'
import type { WireSocket } from '../socket/socket.js'

// Messages may never return from the engine, so the oldest exclusions are dropped.
const MAX_EXCLUSIONS = 10_000

/** Publishes messages through the engine, and remembers for each which socket of this process must not receive it. */
export class Publisher {
  published = 0
  readonly #engine: Engine
  /** By message id; by topic and id, if the application has chosen the id, which is unique in the topic only. */
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
  publish (
    topic: string, message: Omit<Publication, 'id'>, retention: Retention, except?: WireSocket, id = this.#nextId()
  ): Promise<Accepted> {
    // Before publishing, because an engine may deliver the message at once.
    const key = except === undefined ? '' : this.#keyOf(topic, id)
    if (except !== undefined) this.#exclude(key, except)
    const { data, isBinary, kind, isCompressible = true } = message
    const publishing = this.#send(topic, { id, data, isBinary, kind, isCompressible }, retention)
    this.#pending++
    if (except === undefined) return publishing.then(this.#accepted, this.#rejected)
    return publishing.then(this.#accepted, (error: unknown) => {
      this.#excluded.delete(key)
      return this.#rejected(error)
    })
  }

  // An engine written in JavaScript may throw, or return no promise.
  #send (topic: string, publication: Publication, retention: Retention): Promise<Accepted> {
    try {
      return Promise.resolve(this.#engine.publish(topic, publication, retention))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // One function for all messages, instead of a closure for each.
  readonly #accepted = (accepted: Accepted): Accepted => {
    this.published++
    this.#settle()
    return accepted
  }

  readonly #rejected = (error: unknown): never => {
    this.#settle()
    throw error
  }

  #settle (): void {
    if (--this.#pending === 0) this.#whenSettled?.()
  }

  /** Returns the socket that must not receive a message, and forgets it. */
  takeExcluded (topic: string, id: string): WireSocket | undefined {
    if (this.#excluded.size === 0) return undefined
    const key = this.#keyOf(topic, id)
    const socket = this.#excluded.get(key)
    if (socket !== undefined) this.#excluded.delete(key)
    return socket
  }

  #keyOf (topic: string, id: string): string {
    return id.startsWith(this.#idPrefix) ? id : `${topic}\n${id}`
  }

  /** Resolves when no publish is pending. */
  async settled (): Promise<void> {
    if (this.#pending > 0) await new Promise<void>((resolve) => { this.#whenSettled = resolve })
  }

  // An id has only characters that a cursor may contain, so that no engine has to hash it.
  #nextId (): string {
    return `${this.#idPrefix}-${(++this.#lastId).toString(36)}`
  }

  #exclude (key: string, socket: WireSocket): void {
    if (this.#excluded.size >= MAX_EXCLUSIONS) {
      const [oldest] = this.#excluded.keys()
      this.#excluded.delete(oldest as string)
    }
    this.#excluded.set(key, socket)
  }
}
