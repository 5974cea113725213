import { randomBytes } from 'node:crypto'
import { pingChannel, type Details, type PingReport, type ReportChannel } from '../diagnostics.js'
import type { Protocol } from '../protocol/protocol.js'
import { isHixie } from '../versions.js'
import { keepAlive, unsentBytes } from '../transport/liveness.js'
import type { Transport } from '../transport/transport.js'
import { MAX_DELAY } from './deadlines.js'
import { timers } from '../timers.js'

export interface HeartbeatSettings {
  /** How long a peer may be silent before it is sent a ping, in milliseconds. */
  readonly interval: number
  /** How long it may take to answer, in milliseconds. */
  readonly timeout: number
  /** How long a hixie socket, which has no ping, may go without a message, in milliseconds; false for no limit. */
  readonly idle: number | false
}

/** A socket monitored by a Heartbeat, including the heartbeat's state. */
export interface MonitoredSocket {
  readonly transport: Transport
  readonly protocol: Protocol
  readonly observer: { onLatency? (latency: number): void }
  readonly isOpen: boolean
  /** Whether messages of the peer would be read. */
  readonly isReading: boolean
  readonly sender: { readonly messagesSent: number }
  /** Whether bytes were received since the last check. */
  hasReceived: boolean
  /** The round-trip time of the last ping, in milliseconds. */
  latency: number | undefined
  round: Round | undefined
  /** At the last check: the number of messages sent by a hixie socket, or of unsent bytes of any other. */
  lastOutput: number
  publish (channel: ReportChannel<PingReport>, details: Details<PingReport>): void
  notifyTerminate (reason: string): void
  terminate (): void
}

/** Sockets that are checked together. Each socket refers to its round, so it needs no timer or other object. */
export class Round {
  readonly sockets = new Set<MonitoredSocket>()
  /** The time of the next check. */
  readonly at: number
  /** The time and payload of the ping sent to these sockets; undefined payload if none was sent. */
  readonly pingedAt: number
  readonly payload: Buffer | undefined

  constructor (at: number, pingedAt = 0, payload?: Buffer) {
    this.at = at
    this.pingedAt = pingedAt
    this.payload = payload
  }
}

// The pongs of heartbeat pings begin with this secret.
const TAG = randomBytes(8)
const PAYLOAD_LENGTH = TAG.length + 4
let pings = 0

const heartbeats = new Map<string, Heartbeat>()

/** Returns the heartbeat of all sockets with these settings. */
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
 * Detects dead peers. All sockets share one timer, which stops with the last socket and does not keep the process
 * alive. Peers that were alive since the last check are not pinged.
 *
 *   unpinged ── not alive for `interval` ──▶ pinged ── not alive for `timeout` ──▶ destroyed: 1006
 *       ▲                                      │
 *       └── alive, or the pong: sets latency ──┘
 *
 *   hixie ── no message either way for `idle` ──▶ destroyed: 1006
 *
 * A peer is alive if bytes were received from it, or if it read bytes that were waiting for it. A peer whose socket is
 * paused counts as alive, because its pong could not be read.
 */
export class Heartbeat {
  readonly #settings: HeartbeatSettings
  readonly #now: () => number
  /** Sockets that are added within this time share a round, in milliseconds. */
  readonly #step: number
  // Each list is in chronological order, because all its rounds wait equally long.
  readonly #unpinged: Round[] = []
  readonly #pinged: Round[] = []
  readonly #hixie: Round[] = []
  #size = 0
  #timer: NodeJS.Timeout | undefined
  #timerAt = 0

  constructor (settings: HeartbeatSettings, clock = timers.now) {
    this.#settings = settings
    this.#now = clock
    this.#step = Math.min(settings.interval, settings.timeout) / 10
  }

  /** The number of sockets. */
  get size (): number {
    return this.#size
  }

  /** Whether the timer runs. */
  get isRunning (): boolean {
    return this.#timer !== undefined
  }

  add (socket: MonitoredSocket): void {
    this.#size++
    if (isHixie(socket.protocol.version)) {
      keepAlive(socket.transport.stream, this.#settings.interval)
      this.#scheduleIdleCheck(socket)
    } else {
      this.#schedulePing(socket)
    }
  }

  remove (socket: MonitoredSocket): void {
    this.#leave(socket)
    if (--this.#size > 0) return
    timers.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#unpinged.length = this.#pinged.length = this.#hixie.length = 0
  }

  /** Handles a pong and sets `latency` if it answers the last ping. Returns false if it is none of the heartbeat. */
  acceptPong (socket: MonitoredSocket, data: Buffer): boolean {
    if (data.length !== PAYLOAD_LENGTH || !data.subarray(0, TAG.length).equals(TAG)) return false
    const { round } = socket
    if (round?.payload?.equals(data) === true) {
      socket.latency = this.#now() - round.pingedAt
      socket.observer.onLatency?.(socket.latency)
      socket.hasReceived = false
      this.#schedulePing(socket)
    }
    return true
  }

  /** Checks the sockets that are due. Called by the timer. */
  beat (): void {
    const now = this.#now()
    timers.clearTimeout(this.#timer)
    this.#timer = undefined
    for (const round of takeDue(this.#hixie, now)) this.#checkHixie(round)
    const overdue = takeDue(this.#pinged, now)
    this.#pingSilent(takeDue(this.#unpinged, now), now)
    if (overdue.length > 0) {
      // The event loop may have been blocked. Read the pongs that have arrived meanwhile before destroying any socket.
      timers.setImmediate(() => {
        for (const round of overdue) this.#terminateSilent(round)
      })
    }
    for (const rounds of [this.#unpinged, this.#pinged, this.#hixie]) this.#startTimer(rounds)
  }

  #pingSilent (rounds: Round[], now: number): void {
    let pinged: Round | undefined
    for (const { sockets } of rounds) {
      for (const socket of sockets) {
        if (isAlive(socket)) {
          // While reading is paused no pong arrives. Ping anyway: if the peer is gone, TCP reports it.
          if (socket.isOpen && !socket.isReading && !socket.transport.isStalled) ping(socket, createPayload())
          this.#schedulePing(socket)
        } else {
          pinged ??= new Round(now + this.#settings.timeout, now, createPayload())
          joinRound(socket, pinged)
          ping(socket, pinged.payload as Buffer)
        }
      }
    }
    if (pinged !== undefined) this.#pinged.push(pinged)
  }

  #terminateSilent ({ sockets }: Round): void {
    for (const socket of sockets) {
      if (isAlive(socket)) {
        this.#schedulePing(socket)
      } else {
        this.#leave(socket)
        socket.notifyTerminate(`no answer to a ping within ${this.#settings.timeout} ms`)
        socket.terminate()
      }
    }
  }

  #checkHixie ({ sockets }: Round): void {
    for (const socket of sockets) {
      if (isAlive(socket) || socket.sender.messagesSent !== socket.lastOutput) {
        this.#scheduleIdleCheck(socket)
      } else {
        this.#leave(socket)
        socket.notifyTerminate(`no message within ${String(this.#settings.idle)} ms`)
        socket.terminate()
      }
    }
  }

  #schedulePing (socket: MonitoredSocket): void {
    this.#join(socket, this.#unpinged, this.#settings.interval)
  }

  #scheduleIdleCheck (socket: MonitoredSocket): void {
    const { idle } = this.#settings
    if (idle === false) return
    socket.lastOutput = socket.sender.messagesSent
    this.#join(socket, this.#hixie, idle)
  }

  #join (socket: MonitoredSocket, rounds: Round[], delay: number): void {
    const at = this.#now() + delay
    let round = rounds.at(-1)
    if (round === undefined || round.at < at) {
      round = new Round(at + this.#step)
      rounds.push(round)
      this.#startTimer(rounds)
    }
    joinRound(socket, round)
  }

  #leave (socket: MonitoredSocket): void {
    socket.round?.sockets.delete(socket)
    socket.round = undefined
  }

  #startTimer ([first]: Round[]): void {
    if (first === undefined || (this.#timer !== undefined && this.#timerAt <= first.at)) return
    timers.clearTimeout(this.#timer)
    this.#timerAt = first.at
    const delay = Math.min(Math.ceil(first.at - this.#now()), MAX_DELAY)
    this.#timer = timers.setTimeout(() => { this.beat() }, delay).unref()
  }
}

function ping (socket: MonitoredSocket, data: Buffer): void {
  socket.protocol.ping(data)
  if (pingChannel.hasSubscribers) socket.publish(pingChannel, { kind: 'ping', direction: 'out', data })
}

function joinRound (socket: MonitoredSocket, round: Round): void {
  socket.round?.sockets.delete(socket)
  socket.round = round
  round.sockets.add(socket)
}

/** Removes and returns the rounds that are due. */
function takeDue (rounds: Round[], now: number): Round[] {
  const next = rounds.findIndex(({ at }) => at > now)
  return rounds.splice(0, next < 0 ? rounds.length : next)
}

/** Whether the peer has been alive since the last check. */
function isAlive (socket: MonitoredSocket): boolean {
  if (socket.hasReceived) {
    socket.hasReceived = false
    return true
  }
  if (!socket.isReading) return true
  return isHixie(socket.protocol.version) ? false : isDraining(socket)
}

// The ping to a slow peer waits behind other bytes. Such a peer is alive if the number of unsent bytes changes.
function isDraining (socket: MonitoredSocket): boolean {
  const before = socket.lastOutput
  socket.lastOutput = unsentBytes(socket.transport.stream)
  return before > 0 && socket.lastOutput !== before
}

function createPayload (): Buffer {
  const payload = Buffer.alloc(PAYLOAD_LENGTH)
  TAG.copy(payload)
  pings = (pings + 1) >>> 0
  payload.writeUInt32BE(pings, TAG.length)
  return payload
}
