import { EventEmitter } from 'node:events'
import { isAnyArrayBuffer } from 'node:util/types'
import type { Accepted, EngineState, Retention, TopicMessage } from '../engine/engine.js'
import { TopicDataInvalid } from '../errors.js'
import type { WireSocket } from '../socket/socket.js'
import type { PublishOptions } from '../socket/topics.js'
import type { LiveMember } from './frames.js'
import type { TopicHub } from './hub.js'
import type { TopicListener } from './local-topic.js'

/** How much of a topic is kept. */
export interface HistoryOptions {
  /** The most messages. Default 100. */
  size?: number | undefined
  /** How long after its last message a topic is kept, in milliseconds. Default 60,000. */
  ttl?: number | undefined
}

export interface TopicDefinition {
  history?: HistoryOptions | undefined
  /** Whether the topic has members. Default false. */
  presence?: boolean | undefined
}

export interface ReadHistoryOptions {
  /** The cursor behind which to begin. Default: where the last `limit` messages begin. */
  after?: string | undefined
  /** The most messages. Default 100. */
  limit?: number | undefined
}

export interface TopicHistory {
  /** Oldest first. */
  readonly messages: readonly TopicMessage[]
  /** Whether messages between `after` and the first of these are gone. */
  readonly isGap: boolean
  /** The cursor of the newest message of the topic, '' where there is none. */
  readonly cursor: string
}

export interface TopicEvents {
  /** The engine is usable again, or is not. */
  state: [state: EngineState, error: Error | undefined]
  /** Messages of a topic are gone, before they were seen by this process. */
  gap: [topic: string, cursor: string]
  join: [topic: string, member: LiveMember]
  leave: [topic: string, member: LiveMember]
}

const NO_OPTIONS = {}

const DEFAULT_LIMIT = 100

export const DEFAULT_RETENTION: Retention = { size: 100, ttl: 60_000 }

/** What the topics of an application can do: `app.topics`. */
export class Topics extends EventEmitter<TopicEvents> {
  readonly #hub: TopicHub
  #firstPublish: (() => void) | undefined
  readonly #fail: (error: unknown) => void

  /**
   * @internal The plugin makes it.
   * @param fail gets what an asynchronous listener rejects with
   * @param firstPublish called when something is published for the first time
   */
  constructor (hub: TopicHub, fail: (error: unknown) => void, firstPublish?: () => void) {
    super({ captureRejections: true })
    this.#hub = hub
    this.#firstPublish = firstPublish
    this.#fail = fail
  }

  override [EventEmitter.captureRejectionSymbol] (error: Error, ..._event: unknown[]): void {
    this.#fail(error)
  }

  /** Whether the engine can be reached. */
  get state (): EngineState {
    return this.#hub.state
  }

  /**
   * Sends a message to all that follow a topic, on every process. Resolves once the engine has accepted it.
   * @param data a string, bytes, or a value: by `schema.send` of the route whose URL the topic is, else as JSON
   * @throws TopicInvalid, what the serializer throws, and what the engine rejects with
   */
  async publish (topic: string, data: unknown, options: PublishOptions = NO_OPTIONS): Promise<Accepted> {
    return this.#publish(topic, data, options, undefined)
  }

  /**
   * The same, but a socket does not get the message.
   * @internal
   */
  async publishFrom (socket: WireSocket, topic: string, data: unknown, options: PublishOptions = NO_OPTIONS): Promise<Accepted> {
    return this.#publish(topic, data, options, socket)
  }

  #publish (name: string, data: unknown, options: PublishOptions, except: WireSocket | undefined): Promise<Accepted> {
    const topic = this.#hub.readName(name)
    if (this.#firstPublish !== undefined) {
      this.#firstPublish()
      this.#firstPublish = undefined
    }
    const { binary, kind, id, compress } = options
    const { write } = this.#hub.rules.find(topic)
    if (binary !== undefined || (write === undefined && isPayload(data))) {
      const payload = copyOf(data)
      return this.#hub.publish(topic, payload, binary ?? typeof data !== 'string', kind, except, id, compress)
    }
    return this.#hub.publish(topic, Buffer.from((write ?? writeJson)(data)), false, kind, except, id, compress)
  }

  /**
   * Follows a topic in server code. Resolves, when messages come, with a function that ends it.
   * @throws TopicInvalid
   */
  async subscribe (topic: string, listener: TopicListener): Promise<() => void> {
    return this.#hub.listen(this.#hub.readName(topic), listener)
  }

  /**
   * Reads messages of a topic, as far as they are kept.
   * @throws TopicInvalid
   */
  async history (topic: string, { after, limit = DEFAULT_LIMIT }: ReadHistoryOptions = NO_OPTIONS): Promise<TopicHistory> {
    const { messages, isGap, head } = await this.#hub.read(this.#hub.readName(topic), after, limit)
    return { messages, isGap, cursor: head }
  }

  /**
   * Who is there, on all processes. Nobody where the topic has no presence.
   * @throws TopicInvalid
   */
  async members (topic: string): Promise<readonly LiveMember[]> {
    return await this.#hub.readMembers(this.#hub.readName(topic)) ?? []
  }

  /**
   * Says how much is kept of topics that have no route, and whether they have members.
   * @param pattern as the URL of a route ('/rooms/:id'), or an exact name that does not begin with '/'
   */
  define (pattern: string, { history = NO_OPTIONS, presence = false }: TopicDefinition): void {
    this.#hub.rules.define(pattern, { retention: retentionOf(history), hasPresence: presence })
  }
}

export function retentionOf ({ size = DEFAULT_RETENTION.size, ttl = DEFAULT_RETENTION.ttl }: HistoryOptions = NO_OPTIONS): Retention {
  return { size, ttl }
}

function isPayload (data: unknown): boolean {
  return typeof data === 'string' || ArrayBuffer.isView(data) || isAnyArrayBuffer(data)
}

/** The bytes at the time of the call: they stay in the history, and the buffer they come from may be used again. */
function copyOf (data: unknown): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  if (ArrayBuffer.isView(data)) return Buffer.from(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  if (isAnyArrayBuffer(data)) return Buffer.from(Buffer.from(data))
  throw new TopicDataInvalid(typeof data)
}

function writeJson (value: unknown): string {
  const text: unknown = JSON.stringify(value)
  if (typeof text !== 'string') throw new TopicDataInvalid(typeof value)
  return text
}
