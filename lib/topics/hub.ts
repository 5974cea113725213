import type { Accepted, Engine, EngineState, HistoryPage, Member, TopicMessage } from '../engine/engine.js'
import { isHixie } from '../versions.js'
import type { WireSocket } from '../socket/socket.js'
import type { Feed, FeedOwner } from './feed.js'
import { FollowedTopics } from './followed-topics.js'
import type { LiveMember } from './frames.js'
import type { LiveSessionOwner } from './live-session.js'
import { LiveSessions } from './live-sessions.js'
import type { TopicCounts } from '../server/metrics.js'
import { LocalTopic, type TopicListener } from './local-topic.js'
import { LocalPresence, type PresenceSettings } from './presence.js'
import { Publisher } from './publisher.js'
import { RecentIds } from './recent-ids.js'
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

// How long after a failure the history is read again, in milliseconds.
const RETRY_DELAY = 1_000

// A server that lost its data may take a message that was in flight for a new one.
const IDS_REMEMBERED = 10_000

/** What is known of a socket when it opens. */
export interface Attachment {
  /** The topics that it follows from the beginning. */
  readonly topics: readonly string[]
  /** Whom it stands for, in each of them. */
  readonly member?: Member | undefined
  /** Whether it speaks the live subprotocol, and the application's subprotocol beside that ('' for none). */
  readonly live?: string | undefined
}

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
  readonly #followed = new FollowedTopics()
  readonly #sessions: LiveSessions
  readonly #publisher: Publisher
  readonly #ids = new RecentIds(IDS_REMEMBERED)
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
      joined: (topic, { info }) => { this.#notifyMember('join', topic, JSON.parse(info) as LiveMember) },
      left: (topic, { info }) => { this.#notifyMember('leave', topic, JSON.parse(info) as LiveMember) }
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

  get counts (): TopicCounts {
    let subscriptions = 0
    for (const { followers } of this.#topics.values()) subscriptions += followers
    return { state: this.#state, topics: this.#topics.size, subscriptions, published: this.#publisher.published, delivered: this.#delivered, gaps: this.#gaps }
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
  attach (socket: WireSocket, { topics, member, live }: Attachment): void {
    if (live !== undefined) this.#sessions.open(socket, live)
    for (const topic of topics) {
      this.subscribe(socket, topic).catch((error: unknown) => { this.#observer.failed(error) })
      if (member !== undefined) this.#presence?.join(socket, topic, member)
    }
  }

  /** A socket is gone. */
  detach (socket: WireSocket): void {
    for (const topic of this.#followed.of(socket)) topic.delete(socket)
    this.#followed.forget(socket)
    this.#sessions.close(socket)
    this.#presence?.leave(socket)
  }

  /**
   * Resolves when messages of the topic come.
   * @param name a name that was read
   * Rejects with TooManyTopics.
   */
  subscribe (socket: WireSocket, name: string): Promise<void> {
    const topic = this.#topicNamed(name)
    try {
      if (!this.#followed.add(socket, topic, this.#settings.maxTopics)) return topic.ready
    } catch (error) {
      return Promise.reject(error)
    }
    const session = this.#sessions.get(socket)
    if (session !== undefined) return session.follow(topic)
    topic.sockets.add(socket)
    return topic.ready
  }

  unsubscribe (socket: WireSocket, name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined || !this.#followed.delete(socket, topic)) return
    topic.delete(socket)
    if (this.#sessions.get(socket) !== undefined) socket.send(prepareFrame({ type: 'unsubscribed', topic: name }))
  }

  isSubscribed (socket: WireSocket, name: string): boolean {
    const topic = this.#topics.get(name)
    return topic !== undefined && this.#followed.has(socket, topic)
  }

  topicsOf (socket: WireSocket): string[] {
    return this.#followed.of(socket).map(({ name }) => name)
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

  isLive (socket: WireSocket): boolean {
    return this.#sessions.get(socket) !== undefined
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
        await this.retry(error)
      }
    }
  }

  retry (error: unknown): Promise<void> {
    this.#observer.failed(error)
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

  /** @see RecentIds.isRepeated */
  isRepeated (name: string, { id, cursor }: TopicMessage, known: string): boolean {
    return this.#ids.isRepeated(keyOf(name, id), cursor, known)
  }

  message ({ topic: name }: Feed, message: TopicMessage): void {
    const topic = this.#topics.get(name)
    if (topic === undefined || !this.#ids.add(keyOf(name, message.id), message.cursor)) return
    this.#fanOut(topic, message, this.#publisher.takeException(message.id))
    topic.sent = message.cursor
    if (topic.listeners !== undefined) this.#callListeners(topic.listeners, message)
  }

  gap ({ topic: name }: Feed, cursor: string): void {
    this.#gaps++
    this.#observer.gap(name, cursor)
    const topic = this.#topics.get(name)
    if (topic !== undefined) {
      topic.sent = cursor
      topic.skipped = undefined
    }
    this.#sendToLive(topic, { type: 'gap', topic: name, cursor })
  }

  unfilled (feed: Feed, error: unknown): void {
    this.retry(error).then(() => feed.refill())
  }

  #fanOut (topic: LocalTopic, message: TopicMessage, except: WireSocket | undefined): void {
    const { kind, isBinary } = message
    const delivery = new TopicDelivery(topic.name, message, topic.sent)
    const options = kind === '' ? undefined : { kind }
    for (const socket of topic.sockets) {
      // The hixie drafts carry text only.
      if (socket === except || (isBinary && isHixie(socket.version))) continue
      if (socket.send(delivery.plain, options) !== 'refused') this.#delivered++
    }
    const { live, skipped } = topic
    if (live === undefined) return
    for (const socket of live) {
      if (socket === except) continue
      const sent = skipped?.get(socket)
      const { live } = sent === undefined ? delivery : new TopicDelivery(topic.name, message, sent)
      if (socket.send(live, options) !== 'refused') this.#delivered++
    }
    // Its chain goes on without this message.
    const sent = except !== undefined && live.has(except) ? skipped?.get(except) ?? topic.sent : ''
    topic.skipped = sent === '' ? undefined : new Map([[except as WireSocket, sent]])
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

  #sendToLive (topic: LocalTopic | undefined, frame: Parameters<typeof prepareFrame>[0]): void {
    if (topic?.live === undefined || topic.live.size === 0) return
    const message = prepareFrame(frame)
    for (const socket of topic.live) socket.send(message)
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
    for (const topic of this.#topics.values()) {
      topic.feed.refill()
      this.#compareMembers(topic)
    }
    this.#presence?.rejoin()
  }

  /** @see LiveSessions.receive */
  receiveFrame (socket: WireSocket, bytes: Buffer): Buffer | undefined {
    return this.#sessions.receive(socket, bytes, this.#followed.of(socket))
  }

  // Members

  /** Who is there, on all processes; undefined where the topic has no members. */
  readMembers (name: string): Promise<LiveMember[]> | undefined {
    const { presence } = this.#engine
    if (presence === undefined || !this.rules.find(name).hasPresence) return undefined
    return presence.members(name).then((members) => members.map(({ info }) => JSON.parse(info) as LiveMember))
  }

  members (topic: LocalTopic): Promise<LiveMember[]> | undefined {
    return this.readMembers(topic.name)?.then((members) => {
      topic.members = new Map(members.map((member) => [member.id, member]))
      return members
    })
  }

  // While the engine was down, somebody may have come or gone.
  #compareMembers (topic: LocalTopic): void {
    const { members: known } = topic
    if (known === undefined) return
    this.readMembers(topic.name)?.then((members) => {
      const present = new Set(members.map(({ id }) => id))
      for (const member of members) if (!known.has(member.id)) this.#notifyMember('join', topic.name, member)
      for (const [id, member] of known) if (!present.has(id)) this.#notifyMember('leave', topic.name, member)
    }).catch((error: unknown) => { this.#observer.failed(error) })
  }

  #notifyMember (type: 'join' | 'leave', name: string, member: LiveMember): void {
    const topic = this.#topics.get(name)
    if (topic !== undefined) {
      topic.presenceVersion++
      if (type === 'join') topic.members?.set(member.id, member)
      else topic.members?.delete(member.id)
    }
    this.#sendToLive(topic, { type, topic: name, member })
    if (type === 'join') this.#observer.joined(name, member)
    else this.#observer.left(name, member)
  }
}

function keyOf (topic: string, id: string): string {
  return `${topic}\n${id}`
}
