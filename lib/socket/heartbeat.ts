import { randomBytes } from 'node:crypto'
import { pingChannel, type Details, type PingReport, type ReportChannel } from '../diagnostics.js'
import type { Protocol } from '../protocol/protocol.js'
import { isHixie } from '../versions.js'
import { keepAlive, unsentBytes } from '../transport/liveness.js'
import type { Transport } from '../transport/transport.js'
import { MAX_DELAY } from './deadlines.js'
import { timers } from '../timers.js'

export interface HeartbeatSettings {
  /** How long a peer may be silent before it gets a ping, in milliseconds. */
  readonly interval: number
  /** How long it may take to answer, in milliseconds. */
  readonly timeout: number
  /** How long a hixie socket, which knows no ping, may go without a message, in milliseconds; false for ever. */
  readonly idle: number | false
}

/** A socket that is looked after, with what is kept there of it. */
export interface Beating {
  readonly transport: Transport
  readonly protocol: Protocol
  readonly observer: { onLatency? (latency: number): void }
  readonly isOpen: boolean
  /** Whether the peer could be heard if it spoke. */
  readonly isListening: boolean
  readonly sender: { readonly messagesSent: number }
  /** Whether bytes came since the last look. */
  isHeard: boolean
  /** Milliseconds between the last ping and its answer. */
  latency: number | undefined
  round: Round | undefined
  mark: number
  publish (channel: ReportChannel<PingReport>, details: Details<PingReport>): void
  notifyTerminate (reason: string): void
  terminate (): void
}

/** Sockets that are looked at together. A socket points at the one it is in, so it needs no timer and no object of its own. */
export class Round {
  readonly sockets = new Set<Beating>()
  /** When it is their turn. */
  readonly at: number
  /** When they were sent a ping, and its payload; undefined for those that were not. */
  readonly askedAt: number
  readonly payload: Buffer | undefined

  constructor (at: number, askedAt = 0, payload?: Buffer) {
    this.at = at
    this.askedAt = askedAt
    this.payload = payload
  }
}

// A pong is ours when it begins with this, which nobody else knows.
const TAG = randomBytes(8)
const PAYLOAD_LENGTH = TAG.length + 4
let pings = 0

const heartbeats = new Map<string, Heartbeat>()

/** The heartbeat of all sockets of the process that have the same settings. */
export function heartbeatOf (settings: HeartbeatSettings): Heartbeat {
  const { interval, timeout, idle } = settings
  const key = `${interval} ${timeout} ${String(idle)}`
  const known = heartbeats.get(key)
  if (known !== undefined) return known
  const heartbeat = new Heartbeat(settings)
  heartbeats.set(key, heartbeat)
  return heartbeat
}

/**
 * Finds peers that are gone without a word, with one timer for all, which keeps no process alive and stops with the
 * last socket. Sockets that were heard of since the last look are not pinged.
 *
 *              interval over, not heard                   timeout over, not heard
 *   listening ──────────────────────────▶ asked (a ping) ─────────────────────────▶ cut: 1006
 *       ▲                                   │
 *       └───────────────────────────────────┘ heard, or the pong: latency
 *
 *   hixie:  listening ── idle over, no message either way ──▶ cut
 *
 * A peer counts as heard when bytes of it came, when it took bytes that waited for it, and while we do not read from it.
 */
export class Heartbeat {
  readonly #settings: HeartbeatSettings
  readonly #now: () => number
  /** Sockets that join within this time are looked at together, in milliseconds. */
  readonly #step: number
  // Each in the order of time, for all in it wait equally long.
  readonly #listening: Round[] = []
  readonly #asked: Round[] = []
  readonly #mute: Round[] = []
  #size = 0
  #timer: NodeJS.Timeout | undefined
  #timerAt = 0

  constructor (settings: HeartbeatSettings, clock = timers.now) {
    this.#settings = settings
    this.#now = clock
    this.#step = Math.min(settings.interval, settings.timeout) / 10
  }

  /** How many sockets it looks after. */
  get size (): number {
    return this.#size
  }

  /** Whether the timer runs. */
  get isRunning (): boolean {
    return this.#timer !== undefined
  }

  add (socket: Beating): void {
    this.#size++
    if (isHixie(socket.protocol.version)) {
      keepAlive(socket.transport.stream, this.#settings.interval)
      this.#wait(socket)
    } else {
      this.#listen(socket)
    }
  }

  remove (socket: Beating): void {
    this.#leave(socket)
    if (--this.#size > 0) return
    timers.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#listening.length = this.#asked.length = this.#mute.length = 0
  }

  /** Whether a pong answers a ping of ours; if it is the last one, the time between them is the latency. */
  isAnswer (socket: Beating, data: Buffer): boolean {
    if (data.length !== PAYLOAD_LENGTH || !data.subarray(0, TAG.length).equals(TAG)) return false
    const { round } = socket
    if (round?.payload?.equals(data) === true) {
      socket.latency = this.#now() - round.askedAt
      socket.observer.onLatency?.(socket.latency)
      socket.isHeard = false
      this.#listen(socket)
    }
    return true
  }

  /** Looks at those whose turn it is; the timer calls it. */
  beat (): void {
    const now = this.#now()
    timers.clearTimeout(this.#timer)
    this.#timer = undefined
    for (const round of takeDue(this.#mute, now)) this.#lookAtMute(round)
    const overdue = takeDue(this.#asked, now)
    this.#ask(takeDue(this.#listening, now), now)
    if (overdue.length > 0) {
      // This may have been a busy moment: an answer that lies in the kernel is read before the next of these.
      timers.setImmediate(() => {
        for (const round of overdue) this.#cutSilent(round)
      })
    }
    for (const rounds of [this.#listening, this.#asked, this.#mute]) this.#start(rounds)
  }

  #ask (rounds: Round[], now: number): void {
    let asked: Round | undefined
    for (const { sockets } of rounds) {
      for (const socket of sockets) {
        if (isHeardOf(socket)) {
          // Whoever is not read from cannot answer; but of one that is gone the system tells when it is sent something.
          if (socket.isOpen && !socket.isListening && !socket.transport.isStalled) ping(socket, createPayload())
          this.#listen(socket)
        } else {
          asked ??= new Round(now + this.#settings.timeout, now, createPayload())
          enter(socket, asked)
          ping(socket, asked.payload as Buffer)
        }
      }
    }
    if (asked !== undefined) this.#asked.push(asked)
  }

  #cutSilent ({ sockets }: Round): void {
    for (const socket of sockets) {
      if (isHeardOf(socket)) {
        this.#listen(socket)
      } else {
        this.#leave(socket)
        socket.notifyTerminate(`no answer to a ping within ${this.#settings.timeout} ms`)
        socket.terminate()
      }
    }
  }

  #lookAtMute ({ sockets }: Round): void {
    for (const socket of sockets) {
      if (isHeardOf(socket) || socket.sender.messagesSent !== socket.mark) {
        this.#wait(socket)
      } else {
        this.#leave(socket)
        socket.notifyTerminate(`no message within ${String(this.#settings.idle)} ms`)
        socket.terminate()
      }
    }
  }

  #listen (socket: Beating): void {
    this.#enter(socket, this.#listening, this.#settings.interval)
  }

  #wait (socket: Beating): void {
    const { idle } = this.#settings
    if (idle === false) return
    socket.mark = socket.sender.messagesSent
    this.#enter(socket, this.#mute, idle)
  }

  #enter (socket: Beating, rounds: Round[], delay: number): void {
    const at = this.#now() + delay
    let round = rounds.at(-1)
    if (round === undefined || round.at < at) {
      round = new Round(at + this.#step)
      rounds.push(round)
      this.#start(rounds)
    }
    enter(socket, round)
  }

  #leave (socket: Beating): void {
    socket.round?.sockets.delete(socket)
    socket.round = undefined
  }

  #start ([first]: Round[]): void {
    if (first === undefined || (this.#timer !== undefined && this.#timerAt <= first.at)) return
    timers.clearTimeout(this.#timer)
    this.#timerAt = first.at
    const delay = Math.min(Math.ceil(first.at - this.#now()), MAX_DELAY)
    this.#timer = timers.setTimeout(() => { this.beat() }, delay).unref()
  }
}

function ping (socket: Beating, data: Buffer): void {
  socket.protocol.ping(data)
  if (pingChannel.hasSubscribers) socket.publish(pingChannel, { kind: 'ping', direction: 'out', data })
}

function enter (socket: Beating, round: Round): void {
  socket.round?.sockets.delete(socket)
  socket.round = round
  round.sockets.add(socket)
}

/** Takes the rounds out whose time has come. */
function takeDue (rounds: Round[], now: number): Round[] {
  const next = rounds.findIndex(({ at }) => at > now)
  return rounds.splice(0, next < 0 ? rounds.length : next)
}

/** Whether there was a sign of the peer since the last look. */
function isHeardOf (socket: Beating): boolean {
  if (socket.isHeard) {
    socket.isHeard = false
    return true
  }
  if (!socket.isListening) return true
  return isHixie(socket.protocol.version) ? false : hasTaken(socket)
}

// A slow peer need not get a ping that stands behind what waits for it: what waits gets less as long as it lives.
function hasTaken (socket: Beating): boolean {
  const before = socket.mark
  socket.mark = unsentBytes(socket.transport.stream)
  return before > 0 && socket.mark !== before
}

function createPayload (): Buffer {
  const payload = Buffer.alloc(PAYLOAD_LENGTH)
  TAG.copy(payload)
  pings = (pings + 1) >>> 0
  payload.writeUInt32BE(pings, TAG.length)
  return payload
}
