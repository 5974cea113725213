import type { Duplex } from 'node:stream'
import type { Output } from '../codec/encoder.js'
import type { Protocol, Sink } from '../protocol/protocol.js'
import type { BackpressureSettings } from './backpressure.js'
import type { Heartbeat } from './heartbeat.js'
import type { SocketObserver } from './observer.js'
import type { Rate } from './rate-limiter.js'
import type { SocketTopics } from './topics.js'
import type { Inbound, Outbound } from './values.js'

/** The settings that the sockets of a route share, resolved when the route is registered. */
export interface SocketSettings {
  /** How long a closing handshake may take, in milliseconds. */
  readonly closeTimeout: number
  /** Whether to use direct I/O (lib/transport/direct.ts) where it works. */
  readonly directIO: boolean
  /** Parses messages into values, if the route has `schema.message`. */
  readonly inbound?: Inbound | undefined
  /** Serializes values, if the route has `schema.send`. */
  readonly outbound?: Outbound | undefined
  /** The message rate limit; undefined for none. */
  readonly messageRate?: Rate | undefined
  /** Detects dead peers; undefined to disable. */
  readonly heartbeat?: Heartbeat | undefined
  /** The policy for slow peers; undefined for none. */
  readonly backpressure?: BackpressureSettings | undefined
  /** The topics of the application. */
  readonly topics?: SocketTopics | undefined
}

/** The arguments of the WireSocket constructor. */
export interface SocketInit<Socket> {
  readonly stream: Duplex
  readonly settings: SocketSettings
  readonly observer: SocketObserver<Socket>
  /** The path and query of the upgrade request. */
  readonly url: string
  /** The negotiated subprotocol, '' for none. */
  readonly subprotocol: string
  /** The negotiated extensions, '' for none. */
  readonly extensions: string
  createProtocol (sink: Sink, output: Output): Protocol
  /** Passed to the methods of the observer with the socket. */
  readonly context: unknown
}

/** Messages and payload bytes each way. */
export interface Traffic {
  messagesReceived: number
  bytesReceived: number
  messagesSent: number
  bytesSent: number
  /** Messages dropped by the `backpressure` policy. */
  messagesDropped: number
}
