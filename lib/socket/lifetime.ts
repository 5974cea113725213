import { Deadlines, MAX_DELAY } from './deadlines.js'

/** A socket that closes at a time. */
interface Mortal {
  close (code: number, reason: string): void
}

/** How long the sockets of a route may be open, resolved when it was registered. */
export interface Lifetime {
  /** In milliseconds. */
  readonly longest: number
  /** By which fraction of that it may be shorter. */
  readonly jitter: number
}

const lifetimes = new Deadlines<Mortal>((socket) => {
  // What the application says of one socket stands in place of what its route says.
  if (expiryOf(socket) === undefined) socket.close(1001, 'the lifetime of this connection is over: connect again')
})

/** Has a socket close when its time is over, some time within the jitter. Returns when that is, for `endLifetime()`. */
export function beginLifetime (socket: Mortal, { longest, jitter }: Lifetime): number {
  return lifetimes.add(socket, longest * (1 - jitter * Math.random()))
}

/** The socket has closed. */
export function endLifetime (socket: Mortal, moment: number): void {
  lifetimes.delete(socket, moment)
}

/** When one socket closes, and how. */
interface Expiry {
  readonly socket: Mortal
  /** In milliseconds since 1970. */
  readonly at: number
  readonly code: number
  readonly reason: string
  /** When it is looked at again. */
  moment: number | undefined
}

// On the socket, where it costs those that have none nothing.
const expiry = Symbol('expiry')

const expiries = new Deadlines<Expiry>((due) => { waitFor(due) })

function expiryOf (socket: Mortal): Expiry | undefined {
  return (socket as { [expiry]?: Expiry })[expiry]
}

/**
 * Has a socket close at a date, in place of what its route or an earlier call says.
 * @param at in milliseconds since 1970; Infinity for never
 */
export function expireAt (socket: Mortal, at: number, code: number, reason: string): void {
  forgetExpiry(socket)
  const due: Expiry = { socket, at, code, reason, moment: undefined }
  Object.assign(socket, { [expiry]: due })
  waitFor(due)
}

// Deadlines may be a little early, timers reach 24.8 days, and the clock may have been set meanwhile.
function waitFor (due: Expiry): void {
  const left = due.at - Date.now()
  due.moment = undefined
  if (left <= 0) due.socket.close(due.code, due.reason)
  else if (left < Infinity) due.moment = expiries.add(due, Math.min(left, MAX_DELAY))
}

/** The socket has closed, or has another date. */
export function forgetExpiry (socket: Mortal): void {
  const due = expiryOf(socket)
  if (due?.moment !== undefined) expiries.delete(due, due.moment)
}
