import type { Duplex } from 'node:stream'
import type { Output } from '../codec/encoder.js'
import type { Details, ReportChannel, SocketReport } from '../diagnostics.js'
import type { Protocol, Sink } from '../protocol/protocol.js'
import type { Inbound, Outbound } from '../routes/schema.js'
import type { BackpressureSettings } from './backpressure.js'
import type { Heartbeat } from './heartbeat.js'
import type { Rate } from './rate-limiter.js'
import type { WireSocket } from './socket.js'
import type { SocketTopics } from './topics.js'

/** What the sockets of a route have in common. */
export interface SocketOwner {
  /** How long a closing handshake may take, in milliseconds. */
  readonly closeTimeout: number
  /** Whether to read and write in the way that Node does not make public. */
  readonly directIO: boolean
  /** Makes the values that listeners get of messages, where the route has `schema.message`. */
  readonly inbound?: Inbound | undefined
  /** Makes messages of the values that are sent, where the route has `schema.send`. */
  readonly outbound?: Outbound | undefined
  /** How many messages a socket may receive; undefined for any number. */
  readonly messageRate?: Rate | undefined
  /** Looks after silent peers. */
  readonly heartbeat?: Heartbeat | undefined
  /** What is done about slow peers; nothing where it is undefined. */
  readonly backpressure?: BackpressureSettings | undefined
  /** The topics that its sockets can follow. */
  readonly topics?: SocketTopics | undefined
  /** Takes what the handler or a listener throws or rejects with. */
  failed (error: unknown, socket: WireSocket, context: unknown): void
  /** The peer broke a rule, or the connection failed: told before listeners of 'error' are. */
  faulted? (error: Error, socket: WireSocket, context: unknown): void
  /** Messages of a socket are dropped, because nobody takes them. */
  unheard? (socket: WireSocket, context: unknown): void
  /** A socket is cut, or closed, because a rule of ours says so. */
  cut? (reason: string, socket: WireSocket, context: unknown): void
  /** Tells on a channel, where somebody listens. */
  publish? <Report extends SocketReport>(channel: ReportChannel<Report>, details: Details<Report>, socket: WireSocket, context: unknown): void
  /** A ping of the heartbeat was answered after so many milliseconds. */
  measured? (latency: number): void
  /** Listeners of 'close' have been called, and these of them are asynchronous. */
  listening? (running: Array<Promise<unknown>>): void
  closed (socket: WireSocket, code: number, reason: Buffer, context: unknown): void
}

/** What a socket is made of; routes make them. */
export interface SocketInit {
  readonly stream: Duplex
  readonly owner: SocketOwner
  /** Path and query of the upgrade. */
  readonly url: string
  /** The chosen subprotocol, '' for none. */
  readonly subprotocol: string
  /** The extensions agreed on, '' for none. */
  readonly extensions: string
  createProtocol (sink: Sink, output: Output): Protocol
  /** What the owner wants back. */
  readonly context: unknown
}

/** Messages and payload bytes each way. */
export interface Traffic {
  messagesReceived: number
  bytesReceived: number
  messagesSent: number
  bytesSent: number
  /** Messages that `backpressure` kept from a slow peer. */
  messagesDropped: number
}
