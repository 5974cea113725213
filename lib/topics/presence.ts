import type { EnginePresence, Member } from '../engine/engine.js'
import { Deadlines } from '../socket/deadlines.js'
import type { WireSocket } from '../socket/socket.js'

/** Somebody who is there by the sockets of this process. */
interface LocalMember {
  readonly topic: string
  readonly member: Member
  sockets: number
  /** When its grace is over; undefined while it has sockets. */
  deadline: number | undefined
}

export interface PresenceSettings {
  /** How long a process may be silent before its members leave, in milliseconds. */
  readonly lease: number
  /** How long after its last socket a member stays, in milliseconds: a reconnect is neither a leave nor a join. */
  readonly grace: number
}

/**
 * The members that this process holds.
 *
 *   absent ── first socket ──▶ joined ── last socket gone ──▶ in grace ── grace over ──▶ absent
 *                                ▲                               │
 *                                └──────── another socket ───────┘
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

  /** A socket stands for a member of a topic until it is gone. */
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

  /** The engine is back, and may have forgotten who was there. */
  rejoin (): void {
    for (const { topic, member } of this.#members.values()) this.#joinEngine(topic, member)
  }

  /** Keeps the members until their lease is over: their clients go on at another process. */
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
