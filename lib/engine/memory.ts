import { randomBytes } from 'node:crypto'
import { BadOption, EngineClosed } from '../errors.js'
import { MemoryPresence } from './memory-presence.js'
import { TopicLog } from './topic-log.js'
import type { Accepted, Engine, EngineEvents, HistoryPage, Publication, Retention, TopicMessage } from './engine.js'
import { timers } from '../timers.js'

export interface MemoryEngineOptions {
  /** The maximum number of topics without subscribers that are remembered. Default: 100,000. */
  readonly maxTopics?: number
  /** The maximum size of all histories together, in bytes. Default: 64 MiB. */
  readonly maxBytes?: number
}

/** A process remembers between one and two times this many ids. */
const IDS_REMEMBERED = 10_000
/** How often expired histories are removed, in milliseconds. `read()` never returns expired messages. */
const SWEEP_INTERVAL = 10_000

/**
 * An engine for a single process. It delivers messages synchronously within `publish()`, and keeps history in memory.
 *
 * If a listener publishes while a message is being delivered, the new message waits until every listener has received
 * the first one, so that all listeners see the same order.
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
  /** The prefix of this engine's cursors, so that cursors from before a restart never match. */
  readonly #epoch = randomBytes(6).toString('base64url')
  /** Shared by all topics, so that a topic that was forgotten does not reuse cursors. */
  #counter = 0
  #events: EngineEvents | null = null
  /** The topics without subscribers, the most recently used last. */
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
    try {
      this.#events!.message(topic, message)
      for (let next; (next = this.#undelivered.shift()) !== undefined;) this.#events?.message(next[0], next[1])
    } finally {
      this.#isDelivering = false
    }
  }

  /** Keeps ids in two generations. Dropping a whole generation avoids bookkeeping for each id. */
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
   * Removes messages of topics without subscribers first, starting with the least recently used topic and its oldest
   * messages. Frees a tenth of the limit at once, because each call may have to pass many topics without history.
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
