import type { PreparedMessage } from '../codec/prepared-message.js'
import type { TopicMessage } from '../engine/engine.js'
import type { SendOptions } from '../socket/sendable.js'
import type { WireSocket } from '../socket/socket.js'
import { Feed, type FeedOwner } from './feed.js'
import type { LiveMember } from './frames.js'
import { SocketSet } from './socket-set.js'
import { prepareFrame, TopicDelivery } from './topic-frames.js'
import { isHixie } from '../versions.js'

/** Receives the messages of a topic in server code. */
export type TopicListener = (data: Buffer, message: TopicMessage) => void

/** A topic that this process follows, with its sockets and listeners. */
export class LocalTopic {
  readonly name: string
  readonly feed: Feed
  /** Resolves when the engine has subscribed. */
  readonly ready: Promise<void>
  /** The sockets that receive plain payloads. */
  readonly sockets = new SocketSet()
  /** The sockets that speak the live subprotocol and are up to date. */
  live: Set<WireSocket> | undefined
  /**
   * The cursor of the last message or gap that was sent to the live sockets. A message that is dropped because the
   * sockets had it before, under another cursor, does not change it: the chain that they see continues without that
   * message.
   */
  sent = ''
  /** The live socket that was excluded from the last messages, with the cursor that was sent to it before. */
  skipped: Map<WireSocket, string> | undefined
  listeners: Set<TopicListener> | undefined
  /** The number of live sockets that are reading missed messages. */
  resuming = 0
  /** The members, known once a live socket of this process has asked for them. */
  members: Map<string, LiveMember> | undefined
  /** Whether a route whose sockets follow the topic has presence. */
  hasPresence = false
  /** Incremented at each join and leave, to detect that a list of members is outdated. */
  presenceVersion = 0
  /** Whether the topic had no followers at the last check. */
  isStale = false

  constructor (name: string, owner: FeedOwner, subscribed: Promise<string>) {
    this.name = name
    this.feed = new Feed(name, owner)
    this.ready = subscribed.then((head) => {
      this.sent = head
      this.feed.start(head)
    })
  }

  /** The number of sockets of this process that follow the topic. */
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

  /**
   * Sends a message to the sockets.
   * @returns how many sockets accepted it
   */
  deliver (message: TopicMessage, except: WireSocket | undefined): number {
    const { kind } = message
    const delivery = new TopicDelivery(this.name, message, this.sent)
    const options = kind === '' ? undefined : { kind }
    let count = 0
    if (this.sockets.size > 0) {
      const { plain } = delivery
      const sockets = this.sockets.lend()
      for (const socket of sockets) {
        if (socket === except || !this.sockets.isCurrent(sockets, socket)) continue
        if (sendTo(socket, plain, options)) count++
      }
    }
    const { live, skipped } = this
    if (live !== undefined) {
      for (const socket of live) {
        if (socket === except) continue
        const sent = skipped?.get(socket)
        const { live } = sent === undefined ? delivery : new TopicDelivery(this.name, message, sent)
        if (sendTo(socket, live, options)) count++
      }
      // The chain of this socket continues without the message.
      const isLive = except !== undefined && live.has(except)
      this.skipped = isLive ? new Map([[except, skipped?.get(except) ?? this.sent]]) : undefined
    }
    this.sent = message.cursor
    return count
  }

  /** Notifies the live sockets that messages before `cursor` are lost. */
  sendGap (cursor: string): void {
    this.sent = cursor
    this.skipped = undefined
    this.sendToLive({ type: 'gap', topic: this.name, cursor })
  }

  /** Sends a frame without a payload to the live sockets. */
  sendToLive (frame: Parameters<typeof prepareFrame>[0]): void {
    if (this.live === undefined || this.live.size === 0) return
    const message = prepareFrame(frame)
    for (const socket of this.live) socket.send(message)
  }
}

/**
 * Sends a message to one of several sockets.
 * @returns whether the socket accepted it
 */
function sendTo (socket: WireSocket, message: PreparedMessage, options: SendOptions | undefined): boolean {
  // The hixie drafts carry text only.
  if (message.isBinary && isHixie(socket.version)) return false
  try {
    return socket.send(message, options) !== 'refused'
  } catch {
    // The protocol version cannot carry the message. An error would keep it from the other sockets, and reach the
    // engine, which could not continue.
    return false
  }
}
