import type { PreparedMessage } from '../codec/prepared-message.js'
import { TooManyTopics } from '../errors.js'
import type { Accepted, Engine, EngineState, HistoryPage, Member, TopicMessage } from '../engine/engine.js'
import { isHixie } from '../protocol/protocol.js'
import type { WireSocket } from '../socket/socket.js'
import type { Feed, FeedOwner } from './feed.js'
import { LIVE_PROTOCOL, type LiveMember } from './frames.js'
import type { LiveSessionOwner } from './live-session.js'
import { LiveSessions } from './live-sessions.js'
import { LocalTopic, type TopicListener } from './local-topic.js'
import { LocalPresence, type PresenceSettings } from './presence.js'
import { Publisher } from './publisher.js'
import { prepareFrame, TopicDelivery } from './topic-frames.js'
import { readTopic } from './topic-names.js'
import type { TopicRuleBook } from './topic-rules.js'
import { timers } from '../timers.js'

export interface HubSettings extends PresenceSettings {
  /** The most topics of one socket. */
  readonly maxTopics: number
  /** The longest name of a topic, in bytes. */
  readonly maxTopicLength: number
  /** How often a live socket gets a sign of life, in milliseconds. */
  readonly liveInterval: number
  /** How long a topic that nobody follows any more is kept, in milliseconds; up to twice that. */
  readonly linger: number
}

/** What a hub reports. */
export interface HubObserver {
  state (state: EngineState, error: Error | undefined): void
  gap (topic: string, cursor: string): void
  joined (topic: string, member: LiveMember): void
  left (topic: string, member: LiveMember): void
  /** A listener, or the engine in the background, failed. */
  failed (error: unknown): void
}

export interface HubCounts {
  topics: number
  subscriptions: number
  published: number
  delivered: number
  gaps: number
}

// How long after a failure the history is read again, in milliseconds.
const RETRY_DELAY = 1_000

const NO_OPTIONS = undefined

/**
 * The topics of one process: between the engine, which orders their messages, and the sockets that follow them.
 *
 *   publish() ──▶ engine ──▶ feed of the topic (whole, in order) ──▶ sockets, listeners
 *
 * A message of this process takes the same way as that of another: nothing passes the engine's order by.
 */
export class TopicHub implements FeedOwner, LiveSessionOwner {
  readonly rules: TopicRuleBook
  readonly #engine: Engine
  readonly #settings: HubSettings
  readonly #observer: HubObserver
  readonly #topics = new Map<string, LocalTopic>()
  // One topic for most sockets, so a set is made only for the second.
  readonly #topicsOf = new Map<WireSocket, LocalTopic | Set<LocalTopic>>()
  readonly #sessions: LiveSessions
  readonly #publisher: Publisher
  readonly #presence: LocalPresence | undefined
  #delivered = 0
  #gaps = 0
  #state: EngineState = 'down'
  #isClosed = false
  #whenReady: Array<() => void> = []
  #lingerTimer: NodeJS.Timeout | undefined

  constructor (engine: Engine, rules: TopicRuleBook, settings: HubSettings, observer: HubObserver) {
    this.rules = rules
    this.#engine = engine
    this.#settings = settings
    this.#observer = observer
    this.#sessions = new LiveSessions(this, settings.liveInterval)
    this.#publisher = new Publisher(engine)
    this.#presence = engine.presence && new LocalPresence(engine.presence, settings, (error) => { observer.failed(error) })
  }

  open (): Promise<void> {
    return this.#engine.open({
      message: (topic, message) => { this.#topics.get(topic)?.feed.receive(message) },
      state: (state, error) => { this.#changeState(state, error) },
      joined: (topic, member) => { this.#notifyMember('join', topic, member) },
      left: (topic, member) => { this.#notifyMember('leave', topic, member) }
    })
  }

  /** What was published so far is still accepted; then the engine is let go. */
  async close (): Promise<void> {
    this.#isClosed = true
    timers.clearInterval(this.#lingerTimer)
    this.#sessions.stop()
    await this.#publisher.settled()
    this.#presence?.stop()
    for (const { feed } of this.#topics.values()) feed.stop()
    this.#topics.clear()
    await this.#engine.close()
  }

  get state (): EngineState {
    return this.#state
  }

  get counts (): HubCounts {
    let subscriptions = 0
    for (const { sockets, resuming } of this.#topics.values()) subscriptions += sockets.size + resuming
    return { topics: this.#topics.size, subscriptions, published: this.#publisher.published, delivered: this.#delivered, gaps: this.#gaps }
  }

  /** @throws TopicInvalid */
  readName (name: unknown): string {
    return readTopic(name, this.#settings.maxTopicLength)
  }

  // Publishing

  /**
   * @param topic a name that was read
   * @param except a socket that does not get the message
   * @param id given to a message that is published again
   * @param isCompressible whether it may be compressed for those who take that
   */
  publish (
    topic: string, data: Buffer, isBinary: boolean, kind = '', except?: WireSocket, id?: string, isCompressible = true
  ): Promise<Accepted> {
    const message = { data, isBinary, kind, isCompressible }
    return this.#publisher.publish(topic, message, this.rules.find(topic).retention, except, id)
  }

  // Following

  /** A socket is open: from now on it follows these topics. */
  attach (socket: WireSocket, topics: readonly string[], member?: Member): void {
    if (socket.protocol === LIVE_PROTOCOL) this.#sessions.open(socket)
    for (const topic of topics) {
      this.subscribe(socket, topic).catch((error: unknown) => { this.#observer.failed(error) })
      if (member !== undefined) this.#presence?.join(socket, topic, member)
    }
  }

  /** A socket is gone. */
  detach (socket: WireSocket): void {
    for (const topic of this.#followedBy(socket)) topic.sockets.delete(socket)
    this.#topicsOf.delete(socket)
    this.#sessions.close(socket)
    this.#presence?.leave(socket)
  }

  /**
   * Resolves when messages of the topic come.
   * @param name a name that was read
   * @throws TooManyTopics
   */
  async subscribe (socket: WireSocket, name: string): Promise<void> {
    const topic = this.#topicNamed(name)
    if (!this.#note(socket, topic)) return topic.ready
    const session = this.#sessions.get(socket)
    if (session !== undefined) return session.follow(topic)
    topic.sockets.add(socket)
    return topic.ready
  }

  unsubscribe (socket: WireSocket, name: string): void {
    const topics = this.#topicsOf.get(socket)
    const topic = this.#topics.get(name)
    if (topics === undefined || topic === undefined) return
    if (topics === topic) this.#topicsOf.delete(socket)
    else if (topics instanceof LocalTopic || !topics.delete(topic)) return
    topic.sockets.delete(socket)
    if (this.#sessions.get(socket) !== undefined) socket.send(prepareFrame({ type: 'unsubscribed', topic: name }))
  }

  isSubscribed (socket: WireSocket, name: string): boolean {
    return this.#followedBy(socket).some((topic) => topic.name === name)
  }

  topicsOf (socket: WireSocket): string[] {
    return this.#followedBy(socket).map(({ name }) => name)
  }

  #followedBy (socket: WireSocket): LocalTopic[] {
    const topics = this.#topicsOf.get(socket)
    if (topics === undefined) return []
    return topics instanceof LocalTopic ? [topics] : [...topics]
  }

  /** Server code follows a topic. Returns what ends that. */
  async listen (name: string, listener: TopicListener): Promise<() => void> {
    const topic = this.#topicNamed(name)
    const listeners = topic.listeners ??= new Set()
    listeners.add(listener)
    await topic.ready
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) topic.listeners = undefined
    }
  }

  /** Undefined where the topic has no members. */
  members (name: string): Promise<LiveMember[]> | undefined {
    const { presence } = this.#engine
    if (presence === undefined || !this.rules.find(name).hasPresence) return undefined
    return presence.members(name).then((members) => members.map(({ info }) => JSON.parse(info) as LiveMember))
  }

  // The most topics is checked here, so that no socket passes by.
  #note (socket: WireSocket, topic: LocalTopic): boolean {
    const topics = this.#topicsOf.get(socket)
    const { maxTopics } = this.#settings
    if (topics === undefined) {
      this.#topicsOf.set(socket, topic)
    } else if (topics instanceof LocalTopic) {
      if (topics === topic) return false
      if (maxTopics < 2) throw new TooManyTopics(maxTopics)
      this.#topicsOf.set(socket, new Set([topics, topic]))
    } else {
      if (topics.has(topic)) return false
      if (topics.size >= maxTopics) throw new TooManyTopics(maxTopics)
      topics.add(topic)
    }
    return true
  }

  #topicNamed (name: string): LocalTopic {
    const known = this.#topics.get(name)
    if (known !== undefined) {
      known.isStale = false
      return known
    }
    const topic = new LocalTopic(name, this, this.#subscribeEngine(name))
    this.#topics.set(name, topic)
    this.#lingerTimer ??= timers.setInterval(() => { this.#dropStale() }, this.#settings.linger).unref()
    return topic
  }

  // A subscription that fails is made when the engine is ready again, as far as somebody still wants it.
  async #subscribeEngine (name: string): Promise<string> {
    for (;;) {
      try {
        return await this.#engine.subscribe(name)
      } catch (error) {
        if (this.#isClosed || !this.#topics.has(name)) return ''
        this.#observer.failed(error)
        await this.#ready()
      }
    }
  }

  #ready (): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state === 'down') this.#whenReady.push(resolve)
      else timers.setTimeout(resolve, RETRY_DELAY).unref()
    })
  }

  // A topic is dropped a little after its last socket has left, since the next one may come at once.
  #dropStale (): void {
    for (const [name, topic] of this.#topics) {
      if (topic.isFollowed) {
        topic.isStale = false
      } else if (!topic.isStale) {
        topic.isStale = true
      } else {
        topic.feed.stop()
        this.#topics.delete(name)
        this.#engine.unsubscribe(name).catch((error: unknown) => { this.#observer.failed(error) })
      }
    }
    if (this.#topics.size > 0) return
    timers.clearInterval(this.#lingerTimer)
    this.#lingerTimer = undefined
  }

  // FeedOwner

  read (topic: string, after: string | undefined, limit: number): Promise<HistoryPage> {
    return this.#engine.read(topic, after, limit)
  }

  message ({ topic: name }: Feed, message: TopicMessage): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    this.#fanOut(topic, new TopicDelivery(name, message), this.#publisher.takeException(message.id))
    if (topic.listeners !== undefined) this.#callListeners(topic.listeners, message)
  }

  gap ({ topic: name }: Feed, cursor: string): void {
    this.#gaps++
    this.#observer.gap(name, cursor)
    this.#sendToLive(name, () => prepareFrame({ type: 'gap', topic: name, cursor }))
  }

  unfilled (feed: Feed, error: unknown): void {
    this.#observer.failed(error)
    this.#ready().then(() => feed.refill())
  }

  #fanOut (topic: LocalTopic, delivery: TopicDelivery, except: WireSocket | undefined): void {
    const { kind, isBinary } = delivery.message
    const options = kind === '' ? NO_OPTIONS : { kind }
    for (const socket of topic.sockets) {
      if (socket === except) continue
      const isLive = socket.protocol === LIVE_PROTOCOL
      // The hixie drafts carry text only.
      if (isBinary && !isLive && isHixie(socket.version)) continue
      if (socket.send(isLive ? delivery.live : delivery.plain, options) !== 'refused') this.#delivered++
    }
  }

  #callListeners (listeners: Iterable<TopicListener>, message: TopicMessage): void {
    for (const listener of listeners) {
      try {
        listener(message.data, message)
      } catch (error) {
        this.#observer.failed(error)
      }
    }
  }

  #sendToLive (name: string, prepare: () => PreparedMessage): void {
    let frame: PreparedMessage | undefined
    for (const socket of this.#topics.get(name)?.sockets ?? []) {
      if (socket.protocol === LIVE_PROTOCOL) socket.send(frame ??= prepare())
    }
  }

  // The engine's state

  #changeState (state: EngineState, error: Error | undefined): void {
    if (this.#state === state || this.#isClosed) return
    this.#state = state
    this.#observer.state(state, error)
    if (state === 'down') return
    const waiting = this.#whenReady
    this.#whenReady = []
    for (const go of waiting) go()
    for (const { feed } of this.#topics.values()) feed.refill()
    this.#presence?.rejoin()
  }

  /** @see LiveSessions.receive */
  receiveFrame (socket: WireSocket, bytes: Buffer): Buffer | undefined {
    return this.#sessions.receive(socket, bytes, this.#followedBy(socket))
  }

  // Members

  #notifyMember (type: 'join' | 'leave', name: string, { info }: Member): void {
    const topic = this.#topics.get(name)
    if (topic !== undefined) topic.presenceVersion++
    const member = JSON.parse(info) as LiveMember
    this.#sendToLive(name, () => prepareFrame({ type, topic: name, member }))
    if (type === 'join') this.#observer.joined(name, member)
    else this.#observer.left(name, member)
  }
}
