import { inspect } from 'node:util'
import { BadDate } from '../errors.js'
import { Deadlines, MAX_DELAY } from './deadlines.js'

/** A socket, as far as it is used here. */
interface ClosableSocket {
  close (code: number, reason: string): void
}

/** How long the sockets of a route may be open. */
export interface Lifetime {
  /** In milliseconds. */
  readonly longest: number
  /** The largest random reduction, as a fraction of `longest`. */
  readonly jitter: number
}

const lifetimes = new Deadlines<ClosableSocket>((socket) => {
  // closeAt() of a socket replaces the lifetime of its route.
  if (expiryOf(socket) === undefined) socket.close(1001, 'connection lifetime reached: reconnect')
})

/** Closes a socket at the end of its lifetime. Returns the moment, which `endLifetime()` needs. */
export function beginLifetime (socket: ClosableSocket, { longest, jitter }: Lifetime): number {
  return lifetimes.add(socket, longest * (1 - jitter * Math.random()))
}

/** Call this when a socket has closed. */
export function endLifetime (socket: ClosableSocket, moment: number): void {
  lifetimes.delete(socket, moment)
}

/** The date of `closeAt()` for one socket. */
interface Expiry {
  readonly socket: ClosableSocket
  /** In milliseconds since 1970. */
  readonly at: number
  readonly code: number
  readonly reason: string
  /** The moment of the next check; undefined if none is scheduled. */
  moment: number | undefined
}

// A property of the socket, so that it costs nothing in sockets without one.
const expiry = Symbol('expiry')

const expiries = new Deadlines<Expiry>((due) => { waitFor(due) })

function expiryOf (socket: ClosableSocket): Expiry | undefined {
  return (socket as { [expiry]?: Expiry })[expiry]
}

// A day in 1973, in milliseconds since 1970. Smaller numbers must be timestamps in seconds, such as those of a JWT.
const MIN_TIMESTAMP = 100_000_000_000

/**
 * Returns a date in milliseconds since 1970.
 * @throws BadDate
 */
export function toTimestamp (date: Date | number): number {
  const at = Number(date)
  if (Number.isNaN(at) || (typeof date === 'number' && date < MIN_TIMESTAMP)) throw new BadDate(inspect(date))
  return at
}

/**
 * Closes a socket at a date. This replaces the lifetime of its route and any earlier date.
 * @param at in milliseconds since 1970; Infinity for never
 */
export function expireAt (socket: ClosableSocket, at: number, code: number, reason: string): void {
  forgetExpiry(socket)
  const due: Expiry = { socket, at, code, reason, moment: undefined }
  Object.assign(socket, { [expiry]: due })
  waitFor(due)
}

// Checks the clock again, because deadlines can be a little early, cover at most 24.8 days, and ignore clock changes.
function waitFor (due: Expiry): void {
  const left = due.at - Date.now()
  due.moment = undefined
  if (left <= 0) due.socket.close(due.code, due.reason)
  else if (left < Infinity) due.moment = expiries.add(due, Math.min(left, MAX_DELAY))
}

/** Cancels the date of a socket. Call this when it has closed. */
export function forgetExpiry (socket: ClosableSocket): void {
  const due = expiryOf(socket)
  if (due?.moment !== undefined) expiries.delete(due, due.moment)
}
