import type { Engine } from '../engine/engine.js'
import { timers } from '../timers.js'
import type { EngineStatus } from './engine-status.js'
import type { FeedOwner } from './feed.js'
import { LocalTopic } from './local-topic.js'

/** The topics that this process follows. A topic that is not followed anymore is dropped after a while. */
export class LocalTopics {
  readonly #engine: Engine
  readonly #status: EngineStatus
  readonly #owner: FeedOwner
  readonly #unusedTimeout: number
  readonly #onError: (error: unknown) => void
  readonly #topics = new Map<string, LocalTopic>()
  #timer: NodeJS.Timeout | undefined

  /** @param unusedTimeout how long a topic without followers is kept, in milliseconds; up to twice as long */
  constructor (
    engine: Engine, status: EngineStatus, owner: FeedOwner, unusedTimeout: number, onError: (error: unknown) => void
  ) {
    this.#engine = engine
    this.#status = status
    this.#owner = owner
    this.#unusedTimeout = unusedTimeout
    this.#onError = onError
  }

  get size (): number {
    return this.#topics.size
  }

  get (name: string): LocalTopic | undefined {
    return this.#topics.get(name)
  }

  [Symbol.iterator] (): IterableIterator<LocalTopic> {
    return this.#topics.values()
  }

  /** Returns a topic. Subscribes to it if this process does not follow it yet. */
  follow (name: string): LocalTopic {
    const known = this.#topics.get(name)
    if (known !== undefined) {
      known.isStale = false
      return known
    }
    const topic: LocalTopic = new LocalTopic(
      name, this.#owner, this.#subscribe(name, () => this.#topics.get(name) === topic)
    )
    this.#topics.set(name, topic)
    this.#timer ??= timers.setInterval(() => { this.#dropStale() }, this.#unusedTimeout).unref()
    return topic
  }

  // Retries until the topic is dropped.
  async #subscribe (name: string, isWanted: () => boolean): Promise<string> {
    for (;;) {
      try {
        return await this.#engine.subscribe(name)
      } catch (error) {
        if (this.#status.isClosed) return ''
        await this.#status.retry(error)
        if (!isWanted() || this.#status.isClosed) return ''
      }
    }
  }

  // A topic without followers is dropped at the second check, because a follower may return soon.
  #dropStale (): void {
    for (const [name, topic] of this.#topics) {
      if (topic.isFollowed) {
        topic.isStale = false
      } else if (!topic.isStale) {
        topic.isStale = true
      } else {
        topic.feed.stop()
        this.#topics.delete(name)
        this.#engine.unsubscribe(name).catch(this.#onError)
      }
    }
    if (this.#topics.size === 0) this.stopDropping()
  }

  /** Drops no more topics, until one is added. */
  stopDropping (): void {
    timers.clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Drops all topics, without unsubscribing. */
  clear (): void {
    for (const { feed } of this.#topics.values()) feed.stop()
    this.#topics.clear()
  }
}
