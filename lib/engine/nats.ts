import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import {
  EngineClosed, EngineDown, EnginePackageMissing, EngineRefused, EngineUnsuitable, EngineUsed
} from '../errors.js'
import { JetStream, JetStreamError, type StoredMessage, type StreamConfig } from './jetstream.js'
import { NatsAcknowledgements, type Outbound } from './nats-acknowledgements.js'
import { historyPage, storedAfter } from './nats-history.js'
import { cursorAt, decodeStored, encodeStored, sequenceOf, stampOf } from './nats-messages.js'
import { connectionOptions, readStreamOptions, type NatsEngineOptions } from './nats-options.js'
import { NatsPresence, memberEvent } from './nats-presence.js'
import { NatsSubjects } from './nats-subjects.js'
import { NatsTopic } from './nats-topic.js'
import { Outgoing, readPublishLimits } from './outgoing.js'
import type {
  Accepted, Engine, EngineEvents, EngineState, HistoryPage, Publication, Retention
} from './engine.js'
import { timers } from '../timers.js'

export type { NatsEngineOptions }

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
 * A republished message carries the sequence of the previous message of its topic.
 */
class NatsEngine implements Engine {
  readonly name = 'nats'
  readonly presence: NatsPresence
  readonly #options: NatsEngineOptions
  readonly #config: StreamConfig
  readonly #subjects: NatsSubjects
  readonly #outgoing: Outgoing<Outbound>
  readonly #topics = new Map<string, NatsTopic>()
  readonly #acknowledgements: NatsAcknowledgements
  readonly #pendingRequests = new Set<(error: Error) => void>()
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
    const { prefix, config } = readStreamOptions(options)
    this.#options = options
    this.#subjects = new NatsSubjects(prefix)
    this.#config = config
    this.#acknowledgements = new NatsAcknowledgements(this.name, async (sequence) => (
      cursorAt(sequence, await this.#ready().jetStream.dataAt(sequence))
    ))
    this.presence = new NatsPresence(prefix, config)
    this.#outgoing = new Outgoing({
      name: this.name,
      limits: readPublishLimits(options),
      send: async ([message]) => [
        await this.#acknowledgements.publish(this.#connection!, this.#headers!(), message!)
      ],
      joins: () => false,
      isFinal: (error) => error instanceof EngineRefused,
      isConnected: () => this.#state === 'ready'
    })
  }

  async open (events: EngineEvents): Promise<void> {
    if (this.#isClosed) throw new EngineUsed(this.name)
    this.#events = events
    const { connect, headers } = await import('@nats-io/transport-node').catch((error: Error) => {
      const missing = new EnginePackageMissing(
        'fastify-wire/nats', '@nats-io/transport-node', '@nats-io/transport-node'
      )
      throw Object.assign(missing, { cause: error })
    })
    this.#headers = headers
    const { connection } = this.#options
    const attempt = async (): Promise<void> => {
      await this.#connected(connection ?? await connect(connectionOptions(this.#options)))
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

  publish (topic: string, publication: Publication, retention: Retention): Promise<Accepted> {
    if (this.#events === null) return Promise.reject(new EngineClosed(this.name))
    const stamp = stampOf(publication.id)
    const payload = encodeStored(publication, stamp, retention)
    return this.#outgoing.publish(topic, { subjects: this.#subjects.of(topic), stamp, payload }, payload.length)
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
      this.#receiveEarly(topic, followed, sequenceOf(head))
      return head
    } catch (error) {
      this.#receiveEarly(topic, followed, 0)
      throw this.#failure(error)
    }
  }

  /** @param head the sequence up to which messages are not delivered, because they precede the subscription */
  #receiveEarly (topic: string, followed: NatsTopic, head: number): void {
    for (const message of followed.takeEarly()) {
      if (Number(message.headers?.get('Nats-Sequence')) > head) this.#receive(topic, followed, message)
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
      // Without a cursor, the newest messages are wanted; after a cursor, the first ones.
      const stored = await this.#whileConnected(
        after === undefined
          ? jetStream.from(publish, 0, Infinity, newest.sequence)
          : storedAfter(jetStream, publish, after, limit + 1, newest.sequence)
      )
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

  #receive (topic: string, followed: NatsTopic, message: Msg): void {
    const events = this.#events
    const { headers, data } = message
    if (events === null || this.#topics.get(topic) !== followed || headers === undefined) return
    if (followed.early !== undefined) {
      followed.early.push(message)
      return
    }
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
    this.#acknowledgements.receiveFrom(connection)
    this.#follow(connection).catch(() => {})
    await this.#prepare()
  }

  async #follow (connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') {
        this.#outgoing.pause()
        this.presence.pause()
        for (const followed of this.#topics.values()) followed.forget()
        this.#acknowledgements.forget()
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
