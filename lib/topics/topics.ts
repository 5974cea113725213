import { isUtf8 } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { isAnyArrayBuffer } from 'node:util/types'
import type { Accepted, EngineState, Retention, TopicMessage } from '../engine/engine.js'
import { InvalidText, TopicDataInvalid } from '../errors.js'
import type { WireSocket } from '../socket/socket.js'
import { MAX_DELAY } from '../socket/deadlines.js'
import type { PublishOptions } from '../socket/topics.js'
import { checkCount, checkObject, checkText, fail } from './arguments.js'
import type { LiveMember } from './frames.js'
import type { TopicHub } from './hub.js'
import type { TopicListener } from './local-topic.js'

/** How much history of a topic is kept. */
export interface HistoryOptions {
  /** The maximum number of messages, up to 1,000,000; 0 keeps none. Default 100. */
  size?: number | undefined
  /** How long the history is kept after the last message, in milliseconds. Default 60,000. */
  ttl?: number | undefined
}

export interface TopicDefinition {
  history?: HistoryOptions | undefined
  /** Whether the topic has members. Default false. */
  presence?: boolean | undefined
}

export interface ReadHistoryOptions {
  /** The cursor after which to start. Default: return the last `limit` messages. */
  after?: string | undefined
  /** The maximum number of messages, from 1 to 1,000,000. Default 100. */
  limit?: number | undefined
}

export interface TopicHistory {
  /** Oldest first. */
  readonly messages: readonly TopicMessage[]
  /** Whether messages between `after` and the first returned message are lost. */
  readonly isGap: boolean
  /** The cursor of the newest message of the topic; '' if there is none. */
  readonly cursor: string
}

export interface TopicEvents {
  /** The state of the engine has changed. */
  state: [state: EngineState, error: Error | undefined]
  /** This process has missed messages of a topic, which are no longer in the history. */
  gap: [topic: string, cursor: string]
  join: [topic: string, member: LiveMember]
  leave: [topic: string, member: LiveMember]
}

const NO_OPTIONS = {}

const DEFAULT_LIMIT = 100

/** The largest history, in messages. */
export const MAX_HISTORY = 1_000_000

export const DEFAULT_RETENTION: Retention = { size: 100, ttl: 60_000 }

/** The topics of an application: `app.topics`. */
export class Topics extends EventEmitter<TopicEvents> {
  readonly #hub: TopicHub
  #firstPublish: (() => void) | undefined
  readonly #fail: (error: unknown) => void

  /**
   * @internal
   * @param fail called with the rejections of asynchronous listeners
   * @param firstPublish called before the first message is published
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

  /** The state of the engine. */
  get state (): EngineState {
    return this.#hub.state
  }

  /**
   * Publishes a message to all followers of a topic, in all processes. Resolves when the engine has accepted it.
   * @param data a string, bytes, or a value, which is serialized by `schema.send` of the route whose URL is the topic,
   *   or else as JSON
   * @throws TopicInvalid, TopicArgumentInvalid, TopicDataInvalid, InvalidText, and errors of the serializer and the
   *   engine, as rejections
   */
  publish (topic: string, data: unknown, options: PublishOptions = NO_OPTIONS): Promise<Accepted> {
    return this.#publish(topic, data, options, undefined)
  }

  /**
   * Publishes a message to all followers of a topic except a socket.
   * @internal
   */
  publishFrom (
    socket: WireSocket, topic: string, data: unknown, options: PublishOptions = NO_OPTIONS
  ): Promise<Accepted> {
    return this.#publish(topic, data, options, socket)
  }

  // Not an async function, which would create two more promises for each message.
  #publish (
    name: string, data: unknown, options: PublishOptions, except: WireSocket | undefined
  ): Promise<Accepted> {
    try {
      return this.#tryPublish(name, data, options, except)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #tryPublish (
    name: string, data: unknown, options: PublishOptions, except: WireSocket | undefined
  ): Promise<Accepted> {
    const topic = this.#hub.readName(name)
    if (this.#firstPublish !== undefined) {
      this.#firstPublish()
      this.#firstPublish = undefined
    }
    const { binary, kind, id, compress } = options
    if (id !== undefined) checkText('publish', 'options.id', id)
    if (kind !== undefined && typeof kind !== 'string') fail('publish', 'options.kind', 'a string', kind)
    const { write } = this.#hub.rules.find(topic)
    if (binary !== undefined || (write === undefined && isPayload(data))) {
      const payload = copyOf(data)
      if (binary === false && typeof data !== 'string' && !isUtf8(payload)) throw new InvalidText()
      return this.#hub.publish(topic, payload, binary ?? typeof data !== 'string', kind, except, id, compress)
    }
    return this.#hub.publish(topic, Buffer.from((write ?? writeJson)(data)), false, kind, except, id, compress)
  }

  /**
   * Follows a topic in server code. Resolves when the subscription is active, with a function that ends it. What the
   * listener throws, or rejects with, is logged.
   * @throws TopicInvalid, TopicArgumentInvalid, and EngineClosed if the application closes
   */
  async subscribe (topic: string, listener: TopicListener): Promise<() => void> {
    if (typeof listener !== 'function') fail('subscribe', 'listener', 'a function', listener)
    return this.#hub.listen(this.#hub.readName(topic), listener)
  }

  /**
   * Reads messages from the history of a topic.
   * @throws TopicInvalid, TopicArgumentInvalid
   */
  async history (topic: string, options: ReadHistoryOptions = NO_OPTIONS): Promise<TopicHistory> {
    checkObject('history', 'options', options, ['after', 'limit'])
    const { after, limit = DEFAULT_LIMIT } = options
    if (after !== undefined && typeof after !== 'string') fail('history', 'options.after', 'a cursor', after)
    checkCount('history', 'options.limit', limit, 1, MAX_HISTORY)
    const { messages, isGap, head } = await this.#hub.read(this.#hub.readName(topic), after, limit)
    return { messages, isGap, cursor: head }
  }

  /**
   * Returns the members of a topic, of all processes: an empty array if the topic has no presence.
   * @throws TopicInvalid
   */
  async members (topic: string): Promise<readonly LiveMember[]> {
    return await this.#hub.readMembers(this.#hub.readName(topic)) ?? []
  }

  /**
   * Sets the history and the presence of topics without a route.
   * @param pattern a URL pattern such as '/rooms/:id', or an exact name that does not begin with '/'
   * @throws TopicArgumentInvalid
   */
  define (pattern: string, definition: TopicDefinition): void {
    checkText('define', 'pattern', pattern ?? null)
    checkObject('define', 'definition', definition ?? null, ['history', 'presence'])
    const { history = NO_OPTIONS as HistoryOptions, presence = false } = definition
    checkObject('define', 'definition.history', history, ['size', 'ttl'])
    checkCount('define', 'definition.history.size', history.size, 0, MAX_HISTORY)
    checkCount('define', 'definition.history.ttl', history.ttl, 1, MAX_DELAY)
    if (typeof presence !== 'boolean') fail('define', 'definition.presence', 'true or false', presence)
    this.#hub.rules.define(pattern, { retention: retentionOf(history), hasPresence: presence })
  }
}

export function retentionOf (
  { size = DEFAULT_RETENTION.size, ttl = DEFAULT_RETENTION.ttl }: HistoryOptions = NO_OPTIONS
): Retention {
  return { size, ttl }
}

function isPayload (data: unknown): boolean {
  return typeof data === 'string' || ArrayBuffer.isView(data) || isAnyArrayBuffer(data)
}

/** Copies the bytes: the history keeps them, and the caller may reuse its buffer. */
function copyOf (data: unknown): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  if (ArrayBuffer.isView(data)) return Buffer.from(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  if (isAnyArrayBuffer(data)) return Buffer.from(Buffer.from(data))
  throw new TopicDataInvalid(typeof data)
}

function writeJson (value: unknown): string {
  const text = stringify(value)
  if (typeof text !== 'string') throw new TopicDataInvalid(typeof value)
  return text
}

function stringify (value: unknown): unknown {
  try {
    return JSON.stringify(value)
  } catch (error) {
    // A value with a circle, or a bigint.
    throw new TopicDataInvalid(typeof value, { cause: error })
  }
}
