import type { EnginePresence, Member } from '../engine/engine.js'
import { Deadlines } from '../socket/deadlines.js'
import type { WireSocket } from '../socket/socket.js'

/** A member that sockets of this process represent. */
interface LocalMember {
  readonly topic: string
  readonly member: Member
  sockets: number
  /** When its grace period ends; undefined while it has sockets. */
  deadline: number | undefined
}

export interface PresenceSettings {
  /** How long after the last sign of life of a process its members leave, in milliseconds. */
  readonly lease: number
  /** How long a member stays after its last socket has closed, in milliseconds, so that a reconnect is not a leave. */
  readonly grace: number
}

/**
 * The members that the sockets of this process represent.
 *
 *   absent ── first socket ──▶ joined ── last socket closes ──▶ in grace ── grace ends ──▶ absent
 *                                ▲                                 │
 *                                └───────── another socket ────────┘
 */
export class LocalPresence {
  readonly #engine: EnginePresence
  readonly #settings: PresenceSettings
  readonly #fail: (error: unknown) => void
  readonly #members = new Map<string, LocalMember>()
  readonly #inGrace = new Deadlines<LocalMember>((held) => { this.#leaveEngine(held) })
  readonly #ofSockets = new Map<WireSocket, LocalMember[]>()

  constructor (engine: EnginePresence, settings: PresenceSettings, fail: (error: unknown) => void) {
    this.#engine = engine
    this.#settings = settings
    this.#fail = fail
  }

  /** Adds a socket that represents a member of a topic until `leave()`. */
  join (socket: WireSocket, topic: string, member: Member): void {
    const held = this.#hold(topic, member)
    const ofSocket = this.#ofSockets.get(socket)
    if (ofSocket === undefined) this.#ofSockets.set(socket, [held])
    else ofSocket.push(held)
  }

  leave (socket: WireSocket): void {
    const ofSocket = this.#ofSockets.get(socket)
    if (ofSocket === undefined) return
    this.#ofSockets.delete(socket)
    for (const held of ofSocket) if (--held.sockets === 0) held.deadline = this.#inGrace.add(held, this.#settings.grace)
  }

  #hold (topic: string, member: Member): LocalMember {
    const key = keyOf(topic, member.id)
    const known = this.#members.get(key)
    if (known !== undefined) {
      known.sockets++
      this.#endGrace(known)
      return known
    }
    const held: LocalMember = { topic, member, sockets: 1, deadline: undefined }
    this.#members.set(key, held)
    this.#joinEngine(topic, member)
    return held
  }

  /** Joins all members again, because the engine may have lost them while it was down. */
  rejoin (): void {
    for (const { topic, member } of this.#members.values()) this.#joinEngine(topic, member)
  }

  /** Stops without a leave: clients that reconnect to another process within the lease stay joined. */
  stop (): void {
    for (const held of this.#members.values()) this.#endGrace(held)
    this.#members.clear()
  }

  #endGrace (held: LocalMember): void {
    if (held.deadline === undefined) return
    this.#inGrace.delete(held, held.deadline)
    held.deadline = undefined
  }

  #leaveEngine ({ topic, member: { id } }: LocalMember): void {
    this.#members.delete(keyOf(topic, id))
    this.#engine.leave(topic, id).catch(this.#fail)
  }

  #joinEngine (topic: string, member: Member): void {
    this.#engine.join(topic, member, this.#settings.lease).catch(this.#fail)
  }
}

function keyOf (topic: string, id: string): string {
  return `${topic}\0${id}`
}
