import type { HistoryPage, TopicMessage } from '../engine/engine.js'
import type { WireSocket } from '../socket/socket.js'
import type { LiveMember } from './frames.js'
import type { LocalTopic } from './local-topic.js'
import { prepareFrame, TopicDelivery } from './topic-frames.js'

/** The hub, as a session uses it. */
export interface LiveSessionOwner {
  read (topic: string, after: string, limit: number): Promise<HistoryPage>
  /** Returns undefined if the topic has no presence. */
  members (topic: LocalTopic): Promise<readonly LiveMember[]> | undefined
  /** Whether a client that had all messages up to `known` had this one, under another cursor. */
  isRepeated (topic: string, message: TopicMessage, known: string): boolean
  /** Reports an error of the engine, and resolves when the operation may be retried. */
  retry (error: unknown): Promise<void>
}

const PAGE_LENGTH = 200

/** A topic that is brought up to date. */
interface CatchUp {
  /** Whether the client has sent another cursor meanwhile. */
  isOutdated: boolean
}

// How often a session retries if this process is behind the client, or if members join and leave meanwhile.
const MAX_TRIES = 5

/**
 * A socket that speaks the live subprotocol.
 *
 *   waiting ── resume ──▶ for each topic: read the missed messages ──▶ up to date: receives each new message
 */
export class LiveSession {
  readonly #socket: WireSocket
  readonly #owner: LiveSessionOwner
  readonly #resumed: Promise<void>
  #resume!: () => void
  #hasResumed = false
  readonly #cursors = new Map<string, string>()
  readonly #catchUps = new Map<LocalTopic, CatchUp>()

  constructor (socket: WireSocket, owner: LiveSessionOwner) {
    this.#socket = socket
    this.#owner = owner
    this.#resumed = new Promise((resolve) => { this.#resume = resolve })
  }

  /**
   * Handles a `resume` frame: each named topic continues after the client's cursor.
   * @param cursors the client's last cursor of each topic
   * @param followed the topics that the socket follows
   */
  resume (cursors: ReadonlyMap<string, string>, followed: readonly LocalTopic[]): void {
    if (!this.#hasResumed) {
      // Also those of other topics, to which the socket may be subscribed later. Those of later frames are not kept,
      // because a client could send them without end.
      for (const [topic, cursor] of cursors) this.#cursors.set(topic, cursor)
      this.#hasResumed = true
      this.#resume()
      return
    }
    for (const topic of followed) {
      const cursor = cursors.get(topic.name)
      if (cursor === undefined) continue
      this.#cursors.set(topic.name, cursor)
      const catchUp = this.#catchUps.get(topic)
      if (catchUp === undefined) this.follow(topic)
      else catchUp.isOutdated = true
    }
  }

  /** Brings the socket up to date with a topic. Resolves when it is, or when it no longer follows the topic. */
  async follow (topic: LocalTopic): Promise<void> {
    const catchUp: CatchUp = { isOutdated: false }
    this.#catchUps.set(topic, catchUp)
    topic.delete(this.#socket)
    topic.resuming++
    await this.#resumed
    await topic.ready
    do {
      catchUp.isOutdated = false
      const cursor = this.#cursors.get(topic.name)
      this.#cursors.delete(topic.name)
      await this.#tryCatchUp(topic, catchUp, cursor)
    } while (catchUp.isOutdated && this.#catchUps.get(topic) === catchUp)
    if (this.#catchUps.get(topic) === catchUp) this.#end(topic)
  }

  /** Called when the socket no longer follows a topic. */
  unfollow (topic: LocalTopic): void {
    this.#cursors.delete(topic.name)
    this.#end(topic)
  }

  #end (topic: LocalTopic): void {
    if (this.#catchUps.delete(topic)) topic.resuming--
  }

  /** Called when the socket has closed. */
  close (): void {
    for (const topic of this.#catchUps.keys()) this.#end(topic)
    // A client may leave without a `resume`.
    this.#resume()
  }

  // A retry starts from the same cursor. The client drops messages that it has.
  async #tryCatchUp (topic: LocalTopic, catchUp: CatchUp, cursor: string | undefined): Promise<void> {
    while (this.#isCurrent(topic, catchUp)) {
      try {
        await this.#catchUp(topic, catchUp, cursor)
        return
      } catch (error) {
        await this.#owner.retry(error)
      }
    }
  }

  // There must be no await between `feed.since()` and `addLive()`: a message that arrives then would be missed.
  async #catchUp (topic: LocalTopic, catchUp: CatchUp, cursor: string | undefined): Promise<void> {
    const { feed } = topic
    const socket = this.#socket
    // `at` is the cursor up to which the history was read, `sent` the last cursor that the client has.
    let at = cursor ?? feed.last
    let sent = at
    let isGap = false
    let isAnnounced = false
    let tries = 0
    for (;;) {
      const version = topic.presenceVersion
      const members = isAnnounced ? undefined : await this.#owner.members(topic)
      if (!this.#isCurrent(topic, catchUp)) return
      // A member joined or left while the list was read.
      if (version !== topic.presenceVersion && tries++ < MAX_TRIES) continue
      // Without a cursor, the client starts with the next message.
      if (cursor === undefined) {
        at = feed.last
        sent = topic.sent
      }
      const recent = feed.since(at)
      if (recent !== undefined) {
        if (!isAnnounced) this.#announce(topic, sent, isGap, members)
        for (const delivery of this.#deliveriesOf(topic, recent, sent, cursor)) socket.send(delivery.live)
        topic.addLive(socket)
        return
      }
      const page = await this.#owner.read(topic.name, at, PAGE_LENGTH)
      if (!this.#isCurrent(topic, catchUp)) return
      if (page.isGap) {
        at = sent = page.messages[0]?.prev ?? page.head
        if (isAnnounced) socket.send(prepareFrame({ type: 'gap', topic: topic.name, cursor: at }))
        else isGap = true
      }
      if (page.messages.length > 0) {
        if (!isAnnounced) this.#announce(topic, sent, isGap, members)
        isAnnounced = true
        at = page.messages.at(-1)!.cursor
        sent = await this.#sendPage(this.#deliveriesOf(topic, page.messages, sent, cursor)) ?? sent
      } else if (!page.isGap) {
        // The client is ahead of this process.
        if (tries++ < MAX_TRIES) {
          await feed.refill()
        } else {
          at = sent = feed.last
          isGap = true
        }
      }
    }
  }

  /**
   * Returns the messages that the client does not have, each chained to the message sent before it.
   * @param known the cursor after which the client resumed
   */
  #deliveriesOf (
    { name }: LocalTopic, messages: readonly TopicMessage[], sent: string, known: string | undefined
  ): TopicDelivery[] {
    const deliveries: TopicDelivery[] = []
    for (const message of messages) {
      if (known !== undefined && this.#owner.isRepeated(name, message, known)) continue
      deliveries.push(new TopicDelivery(name, message, sent))
      sent = message.cursor
    }
    return deliveries
  }

  /** Whether the socket still waits for this, and not for another cursor or another subscription. */
  #isCurrent (topic: LocalTopic, catchUp: CatchUp): boolean {
    return !catchUp.isOutdated && this.#catchUps.get(topic) === catchUp && this.#socket.readyState === this.#socket.OPEN
  }

  #announce (topic: LocalTopic, cursor: string, isGap: boolean, members: readonly LiveMember[] | undefined): void {
    const frame = { type: 'subscribed', topic: topic.name, cursor, isGap } as const
    this.#socket.send(prepareFrame(members === undefined ? frame : { ...frame, members }))
  }

  /** Sends a page of messages. Resolves with the last cursor when the peer has read enough for the next page. */
  async #sendPage (deliveries: readonly TopicDelivery[]): Promise<string | undefined> {
    const last = deliveries.at(-1)
    if (last === undefined) return undefined
    for (const delivery of deliveries) if (delivery !== last) this.#socket.send(delivery.live)
    // If the socket has closed, #isCurrent() notices.
    await this.#socket.sent(last.live).catch(() => {})
    return last.message.cursor
  }
}
