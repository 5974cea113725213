import { randomBytes } from 'node:crypto'
import { BadOption, EngineClosed } from '../errors.js'
import { MemoryPresence } from './memory-presence.js'
import { TopicLog } from './topic-log.js'
import type { Accepted, Engine, EngineEvents, HistoryPage, Publication, Retention, TopicMessage } from './engine.js'
import { timers } from '../timers.js'

export interface MemoryEngineOptions {
  /** The most topics that are remembered, those with subscribers apart. Default: 100,000. */
  readonly maxTopics?: number
  /** The most bytes that the histories of all topics hold together. Default: 64 MiB. */
  readonly maxBytes?: number
}

/** How many ids a process remembers at least, and at most twice as many. */
const IDS_REMEMBERED = 10_000
/**
 * How often histories whose time is over are looked for, in milliseconds. Until then they are only not read any more.
 */
const SWEEP_INTERVAL = 10_000

/**
 * The engine of one process: it delivers what is published while `publish()` runs, and keeps the history in memory.
 *
 * What a listener publishes while a message is delivered waits until all have that message, so that all see one order.
 */
export function memoryEngine (options: MemoryEngineOptions = {}): Engine {
  const { maxTopics = 100_000, maxBytes = 64 * 1024 * 1024 } = options
  return new MemoryEngine(positiveInteger('maxTopics', maxTopics), positiveInteger('maxBytes', maxBytes))
}

class MemoryEngine implements Engine {
  readonly name = 'memory'
  readonly presence = new MemoryPresence()
  readonly #maxTopics: number
  readonly #maxBytes: number
  /** Cursors of another process, or of this one before it was restarted, begin otherwise. */
  readonly #epoch = randomBytes(6).toString('base64url')
  /** One for all topics: a topic that was forgotten does not count from the start again. */
  #counter = 0
  #events: EngineEvents | null = null
  /** The topic that was published to last is the last of these. */
  readonly #topics = new Map<string, TopicLog>()
  readonly #subscribed = new Map<string, TopicLog>()
  #bytes = 0
  #ids = new Map<string, string>()
  #olderIds = new Map<string, string>()
  #isDelivering = false
  readonly #undelivered: Array<[topic: string, message: TopicMessage]> = []
  #sweep: NodeJS.Timeout | null = null

  constructor (maxTopics: number, maxBytes: number) {
    this.#maxTopics = maxTopics
    this.#maxBytes = maxBytes
  }

  async open (events: EngineEvents): Promise<void> {
    this.#events = events
    this.presence.open(events, (topic) => this.#subscribed.has(topic))
    events.state('ready')
  }

  publish (topic: string, publication: Publication, retention: Retention): Promise<Accepted> {
    if (this.#events === null) return Promise.reject(new EngineClosed(this.name))
    const { id, data, isBinary, kind, isCompressible = true } = publication
    const key = `${topic}\n${id}`
    const known = this.#ids.get(key) ?? this.#olderIds.get(key)
    if (known !== undefined) return Promise.resolve({ cursor: known })

    let log = this.#subscribed.get(topic)
    if (log === undefined) {
      log = this.#topics.get(topic) ?? new TopicLog('')
      this.#topics.delete(topic)
      this.#topics.set(topic, log)
      if (this.#topics.size > this.#maxTopics) this.#forgetOldest()
    }
    const cursor = this.#nextCursor()
    const message: TopicMessage = { id, data, isBinary, kind, isCompressible, cursor, prev: log.head }
    this.#remember(key, cursor)
    this.#bytes += log.append(message, retention)
    if (this.#bytes > this.#maxBytes) this.#evict()
    if (log.size > 0) this.#sweep ??= timers.setInterval(() => this.#dropExpired(), SWEEP_INTERVAL).unref()
    if (log.isSubscribed) this.#deliver(topic, message)
    return Promise.resolve({ cursor })
  }

  async subscribe (topic: string): Promise<string> {
    if (this.#events === null) throw new EngineClosed(this.name)
    const log = this.#subscribed.get(topic) ?? this.#topics.get(topic) ?? new TopicLog(this.#nextCursor())
    log.isSubscribed = true
    this.#topics.delete(topic)
    this.#subscribed.set(topic, log)
    return log.head
  }

  async unsubscribe (topic: string): Promise<void> {
    const log = this.#subscribed.get(topic)
    if (log === undefined) return
    log.isSubscribed = false
    this.#subscribed.delete(topic)
    this.#topics.set(topic, log)
    if (this.#topics.size > this.#maxTopics) this.#forgetOldest()
  }

  async read (topic: string, after: string | undefined, limit: number): Promise<HistoryPage> {
    if (this.#events === null) throw new EngineClosed(this.name)
    const log = this.#subscribed.get(topic) ?? this.#topics.get(topic)
    if (log === undefined) return { messages: [], isGap: after !== undefined, head: '' }
    this.#bytes -= log.dropExpired(Date.now())
    return log.read(after, limit)
  }

  async close (): Promise<void> {
    if (this.#sweep !== null) timers.clearInterval(this.#sweep)
    this.#sweep = null
    this.#events = null
    this.presence.close()
    this.#topics.clear()
    this.#subscribed.clear()
  }

  #nextCursor (): string {
    return `${this.#epoch}.${(++this.#counter).toString(36)}`
  }

  #deliver (topic: string, message: TopicMessage): void {
    if (this.#isDelivering) {
      this.#undelivered.push([topic, message])
      return
    }
    this.#isDelivering = true
    this.#events!.message(topic, message)
    for (let next; (next = this.#undelivered.shift()) !== undefined;) this.#events?.message(next[0], next[1])
    this.#isDelivering = false
  }

  /** Two generations: the older one is forgotten as a whole, which costs nothing for each id. */
  #remember (key: string, cursor: string): void {
    this.#ids.set(key, cursor)
    if (this.#ids.size < IDS_REMEMBERED) return
    this.#olderIds = this.#ids
    this.#ids = new Map()
  }

  #forgetOldest (): void {
    const [topic, log] = this.#topics.entries().next().value!
    this.#topics.delete(topic)
    this.#bytes -= log.clear()
  }

  /**
   * Topics without subscribers go first, the one that was published to the longest time ago before the others; of a
   * topic, its oldest messages. A tenth is made free at once: each call may have to walk over many topics without
   * history.
   */
  #evict (): void {
    const enough = this.#maxBytes * 0.9
    for (const logs of [this.#topics, this.#subscribed]) {
      for (const log of logs.values()) {
        while (log.size > 0 && this.#bytes > enough) this.#bytes -= log.shift()
      }
    }
  }

  #dropExpired (): void {
    const now = Date.now()
    let isEmpty = true
    for (const logs of [this.#topics, this.#subscribed]) {
      for (const log of logs.values()) {
        this.#bytes -= log.dropExpired(now)
        if (log.size > 0) isEmpty = false
      }
    }
    if (!isEmpty) return
    timers.clearInterval(this.#sweep!)
    this.#sweep = null
  }
}

function positiveInteger (name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number
  throw new BadOption(name, 'a positive integer', String(value))
}
