import { Deadlines } from './deadlines.js'
import type { WireSocket } from './socket.js'

/** How long the sockets of a route may be open, resolved when it was registered. */
export interface Lifetime {
  /** In milliseconds. */
  readonly longest: number
  /** By which fraction of that it may be shorter. */
  readonly jitter: number
}

const lifetimes = new Deadlines<WireSocket>((socket) => { socket.close(1001, 'the lifetime of this connection is over: connect again') })

/** Has a socket close when its time is over, some time within the jitter. Returns when that is, for `endLifetime()`. */
export function beginLifetime (socket: WireSocket, { longest, jitter }: Lifetime): number {
  return lifetimes.add(socket, longest * (1 - jitter * Math.random()))
}

/** The socket has closed. */
export function endLifetime (socket: WireSocket, moment: number): void {
  lifetimes.delete(socket, moment)
}
