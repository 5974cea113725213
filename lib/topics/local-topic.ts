import type { TopicMessage } from '../engine/engine.js'
import type { WireSocket } from '../socket/socket.js'
import { Feed, type FeedOwner } from './feed.js'
import type { LiveMember } from './frames.js'

/** Takes the messages of a topic in server code. */
export type TopicListener = (data: Buffer, message: TopicMessage) => void

/** A topic that this process follows, and who follows it here. */
export class LocalTopic {
  readonly name: string
  readonly feed: Feed
  /** Resolves when the engine's subscription is in force. */
  readonly ready: Promise<void>
  /** The sockets that get the payload of each message as it comes. */
  readonly sockets = new Set<WireSocket>()
  /** Those that speak the live subprotocol, and are in step. */
  live: Set<WireSocket> | undefined
  /**
   * The cursor of the last message or gap that live sockets were sent. A message that they had before, under another cursor,
   * is not among these: the chain that they see goes on without it.
   */
  sent = ''
  /** The live sockets that the last messages were not for, each with the cursor that it was sent before. */
  skipped: Map<WireSocket, string> | undefined
  listeners: Set<TopicListener> | undefined
  /** How many sockets read what they missed, before they join the others. */
  resuming = 0
  /** Who is there, as far as a live socket of this process wants to know. */
  members: Map<string, LiveMember> | undefined
  /** Counts the joins and leaves seen, so that a list of members that was read meanwhile is known to be old. */
  presenceVersion = 0
  /** Whether nobody followed the topic when it was last looked at. */
  isStale = false

  constructor (name: string, owner: FeedOwner, subscribed: Promise<string>) {
    this.name = name
    this.feed = new Feed(name, owner)
    this.ready = subscribed.then((head) => {
      this.sent = head
      this.feed.start(head)
    })
  }

  /** How many sockets follow the topic here. */
  get followers (): number {
    return this.sockets.size + (this.live?.size ?? 0) + this.resuming
  }

  addLive (socket: WireSocket): void {
    (this.live ??= new Set()).add(socket)
  }

  delete (socket: WireSocket): void {
    this.sockets.delete(socket)
    this.live?.delete(socket)
    this.skipped?.delete(socket)
  }

  get isFollowed (): boolean {
    return this.followers > 0 || this.listeners !== undefined
  }
}
