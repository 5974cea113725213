import type { WireSocket } from '../socket/socket.js'
import { readClientFrame } from './frames.js'
import { LiveSession, type LiveSessionOwner } from './live-session.js'
import type { LocalTopic } from './local-topic.js'
import type { ServerFrame } from './frames.js'
import { prepareFrame } from './topic-frames.js'
import { timers } from '../timers.js'

// After this many intervals without a message, a client should consider the connection dead.
const MISSED_INTERVALS = 2.5

const PING = prepareFrame({ type: 'ping' })

/** The sockets of this process that speak the live subprotocol. They share one timer. */
export class LiveSessions {
  readonly #owner: LiveSessionOwner
  readonly #interval: number
  readonly #sessions = new Map<WireSocket, LiveSession>()
  #timer: NodeJS.Timeout | undefined

  /** @param interval the interval of pings, in milliseconds */
  constructor (owner: LiveSessionOwner, interval: number) {
    this.#owner = owner
    this.#interval = interval
  }

  /** @param protocol the subprotocol of the application, '' for none */
  open (socket: WireSocket, protocol: string): void {
    this.#sessions.set(socket, new LiveSession(socket, this.#owner))
    const hello: ServerFrame = { type: 'hello', heartbeat: this.#interval * MISSED_INTERVALS }
    socket.send(prepareFrame(protocol === '' ? hello : { ...hello, protocol }))
    this.#timer ??= timers.setInterval(() => { this.#ping() }, this.#interval).unref()
  }

  close (socket: WireSocket): void {
    const session = this.#sessions.get(socket)
    if (session === undefined) return
    this.#sessions.delete(socket)
    session.close()
    if (this.#sessions.size === 0) this.stop()
  }

  stop (): void {
    timers.clearInterval(this.#timer)
    this.#timer = undefined
  }

  get (socket: WireSocket): LiveSession | undefined {
    return this.#sessions.get(socket)
  }

  /**
   * Handles a message that begins with NUL.
   * @param followed the topics that the socket follows
   * @returns the payload of a `send` frame; undefined for any other frame
   */
  receive (socket: WireSocket, bytes: Buffer, followed: readonly LocalTopic[]): Buffer | undefined {
    const session = this.#sessions.get(socket)
    const frame = readClientFrame(bytes as Buffer<ArrayBuffer>)
    if (session === undefined || frame === undefined) {
      socket.close(1008, 'not a frame of the live subprotocol')
      return undefined
    }
    const { head, payload } = frame
    if (head.type === 'send') {
      const { buffer, byteOffset, length } = payload as Uint8Array
      return Buffer.from(buffer, byteOffset, length)
    }
    if (head.type === 'ping') socket.send(PING)
    else session.resume(new Map(Object.entries(head.topics)), followed)
    return undefined
  }

  #ping (): void {
    for (const socket of this.#sessions.keys()) socket.send(PING)
  }
}
