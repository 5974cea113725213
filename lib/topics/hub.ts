import type { Accepted, Engine, EngineState, HistoryPage, Member, TopicMessage } from '../engine/engine.js'
import { EngineClosed, TooManyTopics } from '../errors.js'
import type { WireSocket } from '../socket/socket.js'
import { isThenable } from '../socket/thenable.js'
import { EngineStatus, type EngineObserver } from './engine-status.js'
import type { Feed, FeedOwner } from './feed.js'
import { FollowedTopics } from './followed-topics.js'
import type { LiveMember } from './frames.js'
import type { LiveSessionOwner } from './live-session.js'
import { LiveSessions } from './live-sessions.js'
import type { TopicCounts } from '../server/metrics.js'
import type { LocalTopic, TopicListener } from './local-topic.js'
import { LocalTopics } from './local-topics.js'
import { TopicMembers, type MemberObserver } from './members.js'
import { LocalPresence, type PresenceSettings } from './presence.js'
import { Publisher } from './publisher.js'
import { RecentIds } from './recent-ids.js'
import { prepareFrame } from './topic-frames.js'
import { readTopic } from './topic-names.js'
import type { TopicRuleBook } from './topic-rules.js'

export interface HubSettings extends PresenceSettings {
  /** The maximum number of topics that one socket follows. */
  readonly maxTopics: number
  /** The maximum length of a topic's name, in bytes. */
  readonly maxTopicLength: number
  /** The interval of pings to live sockets, in milliseconds. */
  readonly liveInterval: number
  /** How long a topic without followers is kept, in milliseconds; up to twice as long. */
  readonly unusedTopicTimeout: number
}

/** Receives the events of a hub. */
export interface HubObserver extends EngineObserver, MemberObserver {
  gap (topic: string, cursor: string): void
}

// If the server of an engine loses its data, it may accept a message twice. The hub drops the second one.
const IDS_REMEMBERED = 10_000

/** The topics of a socket that opens. */
export interface Attachment {
  /** The topics that the socket follows when it opens. */
  readonly topics: readonly string[]
  /** The member that the socket represents in each of them. */
  readonly member?: Member | undefined
  /** Whether these topics have members, also if this socket represents none. */
  readonly hasPresence?: boolean
  /** The application's subprotocol ('' for none) if the socket speaks the live subprotocol, otherwise undefined. */
  readonly live?: string | undefined
}

/**
 * The topics of one process. The hub connects the engine, which orders the messages, to the sockets that follow topics.
 *
 *   publish() ──▶ engine ──▶ feed of the topic (complete and in order) ──▶ sockets, listeners
 *
 * Messages of this process also go through the engine, so that all processes see the same order.
 */
export class TopicHub implements FeedOwner, LiveSessionOwner {
  readonly rules: TopicRuleBook
  readonly #engine: Engine
  readonly #settings: HubSettings
  readonly #observer: HubObserver
  readonly #status: EngineStatus
  readonly #topics: LocalTopics
  readonly #followed = new FollowedTopics()
  readonly #sessions: LiveSessions
  readonly #publisher: Publisher
  readonly #ids = new RecentIds(IDS_REMEMBERED)
  readonly #presence: LocalPresence | undefined
  readonly #members: TopicMembers
  readonly #fail = (error: unknown): void => { this.#observer.failed(error) }
  #delivered = 0
  #gaps = 0

  constructor (engine: Engine, rules: TopicRuleBook, settings: HubSettings, observer: HubObserver) {
    this.rules = rules
    this.#engine = engine
    this.#settings = settings
    this.#observer = observer
    this.#status = new EngineStatus(observer)
    this.#topics = new LocalTopics(engine, this.#status, this, settings.unusedTopicTimeout, this.#fail)
    this.#sessions = new LiveSessions(this, settings.liveInterval)
    this.#publisher = new Publisher(engine)
    const { presence } = engine
    this.#presence = presence && new LocalPresence(presence, settings, this.#fail)
    this.#members = new TopicMembers(presence, rules, observer)
  }

  open (): Promise<void> {
    return this.#engine.open({
      message: (topic, message) => { this.#topics.get(topic)?.feed.receive(message) },
      state: (state, error) => { this.#changeState(state, error) },
      joined: (topic, { info }) => { this.#notifyMember('join', topic, info) },
      left: (topic, { info }) => { this.#notifyMember('leave', topic, info) }
    })
  }

  /** Waits until pending messages were published, then closes the engine. */
  async close (): Promise<void> {
    this.#status.isClosed = true
    this.#topics.stopDropping()
    this.#sessions.stop()
    await this.#publisher.settled()
    this.#presence?.stop()
    this.#topics.clear()
    this.#status.release()
    await this.#engine.close()
  }

  get state (): EngineState {
    return this.#status.state
  }

  get counts (): TopicCounts {
    let subscriptions = 0
    for (const { followers } of this.#topics) subscriptions += followers
    return {
      state: this.#status.state,
      topics: this.#topics.size,
      subscriptions,
      published: this.#publisher.published,
      delivered: this.#delivered,
      gaps: this.#gaps
    }
  }

  /** @throws TopicInvalid */
  readName (name: unknown): string {
    return readTopic(name, this.#settings.maxTopicLength)
  }

  /**
   * Reads the names of the topics that a socket is to follow, each once.
   * @throws TopicInvalid, TooManyTopics
   */
  readNames (names: readonly string[]): string[] {
    const { maxTopics } = this.#settings
    const topics = new Set(names.map((name) => this.readName(name)))
    if (topics.size > maxTopics) throw new TooManyTopics(maxTopics)
    return [...topics]
  }

  // Publishing

  /**
   * @param topic a name from `readName()`
   * @param except a socket that does not receive the message
   * @param id the id of an earlier attempt to publish the same message
   * @param isCompressible whether the message may be compressed
   */
  publish (
    topic: string, data: Buffer, isBinary: boolean, kind = '', except?: WireSocket, id?: string, isCompressible = true
  ): Promise<Accepted> {
    const message = { data, isBinary, kind, isCompressible }
    // The message does not come back to a process without followers, so the exclusion would stay.
    const excluded = except !== undefined && this.isSubscribed(except, topic) ? except : undefined
    return this.#publisher.publish(topic, message, this.rules.find(topic).retention, excluded, id)
  }

  // Following

  /** Makes an open socket follow its initial topics. */
  attach (socket: WireSocket, { topics, member, hasPresence = false, live }: Attachment): void {
    if (live !== undefined) this.#sessions.open(socket, live)
    for (const topic of topics) {
      if (hasPresence) this.#topics.follow(topic).hasPresence = true
      this.subscribe(socket, topic).catch(this.#fail)
      if (member !== undefined) this.#presence?.join(socket, topic, member)
    }
  }

  /** Removes a closed socket. */
  detach (socket: WireSocket): void {
    for (const topic of this.#followed.of(socket)) topic.delete(socket)
    this.#followed.forget(socket)
    this.#sessions.close(socket)
    this.#presence?.leave(socket)
  }

  /**
   * Resolves when the subscription is active. Does nothing for a closed socket.
   * @param name a name from `readName()`
   * @throws TooManyTopics, as a rejection
   */
  subscribe (socket: WireSocket, name: string): Promise<void> {
    // A closed socket has already been detached, so nothing would remove it again.
    if (socket.readyState === socket.CLOSED) return Promise.resolve()
    const known = this.#topics.get(name)
    if (known !== undefined && this.#followed.has(socket, known)) return known.ready
    const { maxTopics } = this.#settings
    // Before follow(), which subscribes to the topic at the engine.
    if (this.#followed.count(socket) >= maxTopics) return Promise.reject(new TooManyTopics(maxTopics))
    const topic = this.#topics.follow(name)
    this.#followed.add(socket, topic)
    const session = this.#sessions.get(socket)
    if (session !== undefined) return session.follow(topic)
    topic.sockets.add(socket)
    return topic.ready
  }

  unsubscribe (socket: WireSocket, name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined || !this.#followed.delete(socket, topic)) return
    topic.delete(socket)
    const session = this.#sessions.get(socket)
    if (session === undefined) return
    session.unfollow(topic)
    socket.send(prepareFrame({ type: 'unsubscribed', topic: name }))
  }

  isSubscribed (socket: WireSocket, name: string): boolean {
    const topic = this.#topics.get(name)
    return topic !== undefined && this.#followed.has(socket, topic)
  }

  topicsOf (socket: WireSocket): string[] {
    return this.#followed.of(socket).map(({ name }) => name)
  }

  /**
   * Follows a topic in server code. Resolves when the subscription is active, with a function that ends it.
   * @throws EngineClosed
   */
  async listen (name: string, listener: TopicListener): Promise<() => void> {
    if (this.#status.isClosed) throw new EngineClosed(this.#engine.name)
    const topic = this.#topics.follow(name)
    const listeners = topic.listeners ??= new Set()
    // Each subscription ends by itself, also of a function that listens twice.
    const own: TopicListener = listeners.has(listener) ? (data, message) => listener(data, message) : listener
    listeners.add(own)
    await topic.ready
    if (this.#status.isClosed) throw new EngineClosed(this.#engine.name)
    return () => {
      listeners.delete(own)
      // The topic may have other listeners since.
      if (listeners.size === 0 && topic.listeners === listeners) topic.listeners = undefined
    }
  }

  isLive (socket: WireSocket): boolean {
    return this.#sessions.get(socket) !== undefined
  }

  /** @see EngineStatus.retry */
  retry (error: unknown): Promise<void> {
    return this.#status.retry(error)
  }

  // FeedOwner

  read (topic: string, after: string | undefined, limit: number): Promise<HistoryPage> {
    return this.#engine.read(topic, after, limit)
  }

  /** @see RecentIds.isRepeated */
  isRepeated (name: string, { id, cursor }: TopicMessage, known: string): boolean {
    return this.#ids.isRepeated(name, id, cursor, known)
  }

  message ({ topic: name }: Feed, message: TopicMessage): void {
    const topic = this.#topics.get(name)
    if (topic === undefined || !this.#ids.add(name, message.id, message.cursor)) return
    this.#delivered += topic.deliver(message, this.#publisher.takeExcluded(name, message.id))
    if (topic.listeners !== undefined) this.#callListeners(topic.listeners, message)
  }

  gap ({ topic: name }: Feed, cursor: string): void {
    this.#gaps++
    this.#observer.gap(name, cursor)
    this.#topics.get(name)?.sendGap(cursor)
  }

  unfilled (feed: Feed, error: unknown): void {
    this.retry(error).then(() => feed.refill())
  }

  #callListeners (listeners: Iterable<TopicListener>, message: TopicMessage): void {
    for (const listener of listeners) {
      try {
        const result: unknown = listener(message.data, message)
        if (isThenable(result)) result.then(undefined, this.#fail)
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  // The engine's state

  #changeState (state: EngineState, error: Error | undefined): void {
    if (!this.#status.change(state, error)) return
    for (const topic of this.#topics) {
      topic.feed.refill()
      this.#members.refresh(topic)
    }
    this.#presence?.rejoin()
  }

  /** @see LiveSessions.receive */
  receiveFrame (socket: WireSocket, bytes: Buffer): Buffer | undefined {
    return this.#sessions.receive(socket, bytes, this.#followed.of(socket))
  }

  // Members

  /** @see TopicMembers.read */
  readMembers (name: string): Promise<LiveMember[]> | undefined {
    return this.#members.read(name)
  }

  members (topic: LocalTopic): Promise<LiveMember[]> | undefined {
    return this.#members.readAndRemember(topic)
  }

  #notifyMember (type: 'join' | 'leave', name: string, info: string): void {
    this.#members.notify(type, name, this.#topics.get(name), JSON.parse(info) as LiveMember)
  }
}
