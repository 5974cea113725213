import type { ConnectionOptions, Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import {
  BadOption, EngineClosed, EngineDown, EnginePackageMissing, EngineRefused, EngineUnsuitable
} from '../errors.js'
import { placeOf, randomTag, tagOf } from './cursor.js'
import { encodeEnvelope } from './envelope.js'
import { JetStream, JetStreamError, type StoredMessage, type StreamConfig } from './jetstream.js'
import { cursorAt, decodeStored, historyPage } from './nats-history.js'
import { NatsPresence, memberEvent } from './nats-presence.js'
import { NatsSubjects, type TopicSubjects } from './nats-subjects.js'
import { NatsTopic } from './nats-topic.js'
import { Outgoing, readPublishLimits, type PublishLimits } from './outgoing.js'
import type {
  Accepted, Engine, EngineEvents, EngineState, HistoryPage, Publication, Retention
} from './engine.js'
import { timers } from '../timers.js'

export interface NatsEngineOptions extends PublishLimits {
  /** The addresses of the servers. Default: '127.0.0.1:4222'. */
  readonly servers?: string | string[]
  /** Further options of the connection, such as credentials and TLS. */
  readonly connect?: Omit<ConnectionOptions, 'servers'>
  /** Instead of `servers`: a connection of @nats-io/transport-node 3. The engine does not close it. */
  readonly connection?: NatsConnection
  /** The stream that holds all topics. It is created if it does not exist. Default: 'fastify-wire'. */
  readonly stream?: string
  /** The first token of all subjects. Default: 'wire'. */
  readonly prefix?: string
  /** The maximum number of messages kept per topic, even if its `history` allows more. Default: 1000. */
  readonly maxPerTopic?: number
  /** How long messages are kept, even if a topic's `history` allows longer, in milliseconds. Default: a day. */
  readonly maxAge?: number
  /** The number of servers of a cluster that store the stream. Default: 1. */
  readonly replicas?: number
  readonly storage?: 'file' | 'memory'
}

interface Outbound {
  readonly subjects: TopicSubjects
  readonly tag: string
  readonly payload: Buffer
}

interface Acknowledgement {
  resolve (cursor: string): void
  reject (error: unknown): void
  readonly tag: string
}

const DAY = 24 * 60 * 60 * 1000
const NANOSECONDS = 1e6
/**
 * The connection is closed after two unanswered pings. Only `timeout` detects a connection that breaks during its
 * handshake.
 */
const CONNECTION = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 50,
  reconnectJitter: 100,
  pingInterval: 3000,
  maxPingOut: 2,
  timeout: 3000
}
/** How long the stream remembers message ids to drop duplicates, in milliseconds. */
const DUPLICATE_WINDOW = 120_000
/** The delay between attempts to reach the server or the stream, in milliseconds. */
const RETRY_DELAY = 100
const CREDENTIALS: ReadonlySet<string> = new Set(['AuthorizationError', 'UserAuthenticationExpiredError'])

/** An engine over NATS with JetStream, 2.9 or later. */
export function natsEngine (options: NatsEngineOptions = {}): Engine {
  return new NatsEngine(options)
}

/**
 *   publish wire.p.<topic> ──▶ stream: stores, drops known ids, acknowledges ──▶ republishes to wire.d.<topic>
 *
 * The payload is a line (tag, size and ttl of the history) followed by the envelope. A republished message carries the
 * sequence of the previous message of its topic. A cursor consists of a sequence and a tag.
 */
class NatsEngine implements Engine {
  readonly name = 'nats'
  readonly presence: NatsPresence
  readonly #options: NatsEngineOptions
  readonly #config: StreamConfig
  readonly #subjects: NatsSubjects
  readonly #outgoing: Outgoing<Outbound>
  readonly #topics = new Map<string, NatsTopic>()
  readonly #acknowledgements = new Map<string, Acknowledgement>()
  readonly #pendingRequests = new Set<(error: Error) => void>()
  readonly #inbox = `_INBOX.${randomTag()}`
  #published = 0
  #connection: NatsConnection | null = null
  #jetStream: JetStream | null = null
  #headers: (() => MsgHdrs) | null = null
  #events: EngineEvents | null = null
  #state: EngineState | '' = ''
  #isClosed = false
  /** Part of the cursor of a topic without messages. It differs for a later stream of the same name. */
  #created = ''
  #retry: NodeJS.Timeout | null = null

  constructor (options: NatsEngineOptions) {
    const { stream = 'fastify-wire', prefix = 'wire', storage = 'file' } = options
    const { maxPerTopic = 1000, maxAge = DAY, replicas = 1 } = options
    for (const [name, text] of [['stream', stream], ['prefix', prefix]] as const) {
      if (!/^[\w-]+$/.test(text)) throw new BadOption(name, 'letters, digits, "-" and "_"', String(text))
    }
    for (const [name, number] of Object.entries({ maxPerTopic, maxAge, replicas })) {
      if (!Number.isSafeInteger(number) || number <= 0) throw new BadOption(name, 'a positive integer', String(number))
    }
    this.#options = options
    this.#subjects = new NatsSubjects(prefix)
    this.#config = {
      name: stream,
      subjects: [`${prefix}.p.>`],
      storage,
      num_replicas: replicas,
      max_msgs_per_subject: maxPerTopic,
      max_age: maxAge * NANOSECONDS,
      duplicate_window: Math.min(DUPLICATE_WINDOW, maxAge) * NANOSECONDS,
      republish: { src: `${prefix}.p.>`, dest: `${prefix}.d.>` }
    }
    this.presence = new NatsPresence(prefix, this.#config)
    this.#outgoing = new Outgoing({
      name: this.name,
      limits: readPublishLimits(options),
      send: async ([message]) => [await this.#transmit(message!)],
      joins: () => false,
      isFinal: (error) => error instanceof EngineRefused,
      isConnected: () => this.#state === 'ready'
    })
  }

  async open (events: EngineEvents): Promise<void> {
    this.#events = events
    const { connect, headers } = await import('@nats-io/transport-node').catch((error: Error) => {
      const missing = new EnginePackageMissing(
        'fastify-wire/nats', '@nats-io/transport-node', '@nats-io/transport-node'
      )
      throw Object.assign(missing, { cause: error })
    })
    this.#headers = headers
    const { servers = '127.0.0.1:4222', connection } = this.#options
    const attempt = async (): Promise<void> => {
      await this.#connected(connection ?? await connect({
        ...CONNECTION, ...this.#options.connect, servers
      }))
    }
    try {
      await attempt()
    } catch (error) {
      const { name, message } = error as Error
      if (error instanceof EngineUnsuitable) throw error
      if (CREDENTIALS.has(name)) throw new EngineUnsuitable(this.name, message)
      this.#setState('down', error as Error)
      this.#tryAgain(attempt)
    }
  }

  publish (topic: string, publication: Publication, { size, ttl }: Retention): Promise<Accepted> {
    if (this.#events === null) return Promise.reject(new EngineClosed(this.name))
    const tag = tagOf(publication.id)
    const payload = Buffer.concat([Buffer.from(`${tag} ${size} ${ttl}\n`, 'latin1'), encodeEnvelope(publication, tag)])
    return this.#outgoing.publish(topic, { subjects: this.#subjects.of(topic), tag, payload }, payload.length)
  }

  async subscribe (topic: string): Promise<string> {
    const { connection, jetStream } = this.#ready()
    const { publish, deliver, token } = this.#subjects.of(topic)
    let followed = this.#topics.get(topic)
    if (followed === undefined) {
      const created = new NatsTopic()
      created.subscription = connection.subscribe(deliver, {
        callback: (_error, message) => this.#receive(topic, created, message)
      })
      created.presence = connection.subscribe(this.presence.eventsOf(token), {
        callback: (_error, message) => this.#receiveMember(topic, created, message)
      })
      this.#topics.set(topic, followed = created)
    }
    try {
      const subscribing = connection.flush().then(() => jetStream.newest(publish))
      const head = this.#cursorOf(await this.#whileConnected(subscribing))
      followed.startFrom(head)
      return head
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async unsubscribe (topic: string): Promise<void> {
    const followed = this.#topics.get(topic)
    if (followed === undefined) return
    this.#topics.delete(topic)
    followed.end()
  }

  async read (topic: string, after: string | undefined, limit: number): Promise<HistoryPage> {
    const { jetStream } = this.#ready()
    const { publish } = this.#subjects.of(topic)
    try {
      const newest = await this.#whileConnected(jetStream.newest(publish))
      const head = this.#cursorOf(newest)
      if (newest === null) return { messages: [], isGap: after !== undefined && after !== head, head }
      if (after === head) return { messages: [], isGap: false, head }
      const place = after === undefined ? '' : placeOf(after)
      // A place after the newest message dates from before the server lost its data, so everything it has is new.
      const from = /^\d{1,15}$/.test(place) && Number(place) <= newest.sequence ? Number(place) : 0
      // Without a cursor, the newest messages are wanted; after a cursor, the first ones.
      const count = after === undefined ? Infinity : limit + 1
      const stored = await this.#whileConnected(jetStream.from(publish, from, count))
      return historyPage(stored, newest, after, limit, this.#beginning())
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async close (): Promise<void> {
    this.#isClosed = true
    this.#events = null
    if (this.#retry !== null) timers.clearTimeout(this.#retry)
    this.#outgoing.close()
    const connection = this.#connection
    this.#connection = this.#jetStream = null
    for (const followed of this.#topics.values()) followed.end()
    this.presence.close()
    this.#topics.clear()
    if (connection !== null && this.#options.connection === undefined) await connection.close()
  }

  #beginning (): string {
    return `0.${this.#created}`
  }

  #cursorOf (message: StoredMessage | null): string {
    return message === null ? this.#beginning() : cursorAt(message.sequence, message.data)
  }

  #transmit ({ subjects, tag, payload }: Outbound): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = this.#headers!()
      headers.set('Nats-Msg-Id', `${tag}:${subjects.digest}`)
      const number = (++this.#published).toString(36)
      this.#acknowledgements.set(number, { resolve, reject, tag })
      try {
        this.#connection!.publish(subjects.publish, payload, { headers, reply: `${this.#inbox}.${number}` })
      } catch (error) {
        this.#acknowledgements.delete(number)
        // The client refuses to send the message, for example because it is too large.
        const { name, message } = error as Error
        reject(name === 'InvalidArgumentError' ? new EngineRefused(this.name, message) : error)
      }
    })
  }

  #acknowledged (message: Msg): void {
    const number = message.subject.slice(this.#inbox.length + 1)
    const acknowledgement = this.#acknowledgements.get(number)
    if (acknowledgement === undefined) return
    this.#acknowledgements.delete(number)
    // An empty answer means that no stream listens, because JetStream is not ready yet.
    if (message.data.length === 0) {
      acknowledgement.reject(new Error('no responders'))
      return
    }
    const { seq, error } = message.json<{ seq: number, error?: { code: number, description: string } }>()
    if (error === undefined) acknowledgement.resolve(`${seq}.${acknowledgement.tag}`)
    else if (error.code === 503) acknowledgement.reject(new Error(error.description))
    else acknowledgement.reject(new EngineRefused(this.name, error.description))
  }

  #receive (topic: string, followed: NatsTopic, { headers, data }: Msg): void {
    const events = this.#events
    if (events === null || this.#topics.get(topic) !== followed || headers === undefined) return
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    const cursor = cursorAt(headers.get('Nats-Sequence'), bytes)
    const last = headers.get('Nats-Last-Sequence')
    const prev = followed.prev(last) ?? (last === '0' ? this.#beginning() : `${last}.`)
    followed.follow(cursor)
    events.message(topic, decodeStored(bytes, cursor, prev))
  }

  #receiveMember (topic: string, followed: NatsTopic, { data }: Msg): void {
    const events = this.#events
    if (events === null || this.#topics.get(topic) !== followed) return
    const { event, member } = memberEvent(data)
    if (event === '+') events.joined(topic, member)
    else if (event === '-') events.left(topic, member)
  }

  async #connected (connection: NatsConnection): Promise<void> {
    if (this.#isClosed) {
      if (this.#options.connection === undefined) await connection.close()
      return
    }
    this.#connection = connection
    this.#jetStream = new JetStream(connection, this.#config.name)
    connection.subscribe(`${this.#inbox}.*`, { callback: (_error, message) => this.#acknowledged(message) })
    this.#follow(connection).catch(() => {})
    await this.#prepare()
  }

  async #follow (connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') {
        this.#outgoing.pause()
        this.presence.pause()
        for (const followed of this.#topics.values()) followed.forget()
        this.#acknowledgements.clear()
        this.#setState('down')
      } else if (type === 'reconnect') this.#prepareSoon()
    }
  }

  /** Creates the stream again if the server lost its data. */
  async #prepare (): Promise<void> {
    const { config, created } = await this.#jetStream!.ensureStream(this.#config)
    const { src, dest } = this.#config.republish
    if (config.republish?.src !== src || config.republish.dest !== dest) {
      throw new EngineUnsuitable(this.name,
        `its stream "${config.name}" does not republish ${src} to ${dest}: choose another name by the option "stream"`)
    }
    this.#created = Date.parse(created).toString(36) + created.replace(/\D/g, '').slice(-9)
    await this.presence.restore(this.#connection!, this.#headers!)
    this.#setState('ready')
    this.#outgoing.resume()
  }

  #prepareSoon (): void {
    this.#prepare().catch((error: unknown) => {
      if (!this.#isClosed && !(error instanceof EngineUnsuitable)) this.#tryAgain(() => this.#prepare())
    })
  }

  #tryAgain (attempt: () => Promise<void>): void {
    if (this.#isClosed) return
    if (this.#retry !== null) timers.clearTimeout(this.#retry)
    this.#retry = timers.setTimeout(() => { attempt().catch(() => this.#tryAgain(attempt)) }, RETRY_DELAY).unref()
  }

  #setState (state: EngineState, error?: Error): void {
    if (this.#events === null || this.#state === state) return
    this.#state = state
    if (state === 'down') for (const reject of this.#pendingRequests) reject(new EngineDown(this.name))
    this.#events.state(state, error)
  }

  #ready (): { connection: NatsConnection, jetStream: JetStream } {
    if (this.#events === null) throw new EngineClosed(this.name)
    if (this.#state !== 'ready') throw new EngineDown(this.name)
    return { connection: this.#connection!, jetStream: this.#jetStream! }
  }

  /** Rejects as soon as the connection breaks, because requests in flight are never answered. */
  #whileConnected<T> (request: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#pendingRequests.add(reject)
      request.then(resolve, reject).finally(() => this.#pendingRequests.delete(reject))
    })
  }

  #failure (error: unknown): unknown {
    if (this.#isClosed) return new EngineClosed(this.name)
    return this.#state === 'ready' && error instanceof JetStreamError ? error : new EngineDown(this.name)
  }
}
