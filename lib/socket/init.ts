import type { Duplex } from 'node:stream'
import type { Output } from '../codec/encoder.js'
import type { Protocol, Sink } from '../protocol/protocol.js'
import type { BackpressureSettings } from './backpressure.js'
import type { Heartbeat } from './heartbeat.js'
import type { SocketObserver } from './observer.js'
import type { Rate } from './rate-limiter.js'
import type { SocketTopics } from './topics.js'
import type { Inbound, Outbound } from './values.js'

/** What the sockets of a route have in common, resolved when the route was registered. */
export interface SocketSettings {
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
}

/** What a socket is made of; routes make them. */
export interface SocketInit<Socket> {
  readonly stream: Duplex
  readonly settings: SocketSettings
  readonly observer: SocketObserver<Socket>
  /** Path and query of the upgrade. */
  readonly url: string
  /** The chosen subprotocol, '' for none. */
  readonly subprotocol: string
  /** The extensions agreed on, '' for none. */
  readonly extensions: string
  createProtocol (sink: Sink, output: Output): Protocol
  /** What the methods of the observer get with the socket. */
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
