// The options of the plugin and of routes, as an application writes them. table.ts has the defaults and the checks.
import type {
  FastifyInstance, FastifyReply, FastifyRequest, preCloseAsyncHookHandler, preCloseHookHandler
} from 'fastify'
import type { DeflateOptions } from '../deflate/settings.js'
import type { WireServerOptions } from '../server/server.js'
import type { BackpressurePolicy } from '../socket/backpressure.js'
import type { WireSocket } from '../socket/socket.js'
import type { Version } from '../versions.js'
import type { TopicPluginOptions, TopicRouteOptions } from './topics.js'

/**
 * Decides whether an origin may connect. Only `true` accepts: any other value, an exception or a rejection refuses with
 * 403. Not called if the client sends no origin.
 */
export type OriginCheck = (origin: string, request: FastifyRequest) => boolean | Promise<boolean>

/** `'https://example.com'`, a pattern, `'same-origin'`, or `'null'` for pages without an origin. */
export type OriginEntry = string | RegExp

export interface MessageRateOptions {
  /** The average rate, in messages per second. May be a fraction. */
  rate: number
  /** How many messages may arrive at once. Default: `rate` rounded up, at least 1. */
  burst?: number
  /**
   * What happens at the limit. `'close'`, the default, closes the socket with 1008. `'pause'` stops reading until the
   * next message is allowed, so that TCP slows the peer down.
   */
  policy?: 'close' | 'pause'
}

/** Which clients may connect, how many, and what one connection may use. */
export interface AdmissionOptions {
  /**
   * The allowed origins; others get 403. Default `'same-origin'`, because browsers send a user's cookies with a
   * handshake from any page. `true` allows all. Clients that send no origin, which are not browsers, are always
   * allowed. `{ websocket: true }` routes allow all origins by default, as @fastify/websocket does.
   */
  origin?: true | OriginEntry | readonly OriginEntry[] | OriginCheck
  /**
   * The maximum number of connections; further ones get 503. A connection counts from its handshake on. The plugin's
   * limit counts all its routes together, a route's limit counts that route. Default: no limit.
   */
  maxConnections?: number
  /**
   * The maximum number of connections from one IP address; further ones get 429. Has the scope of `maxConnections`.
   * IPv6 addresses with the same first 64 bits count as one. Default: no limit, because users may share an address.
   */
  maxConnectionsPerAddress?: number
  /**
   * The time limit for the whole handshake, hooks included, in milliseconds; then 503, or 408 if the client is late.
   * The plugin's value also limits the head of any request, unless the application sets `headersTimeout`. Default
   * 10,000.
   */
  handshakeTimeout?: number
  /** Limits the messages that a socket receives. Default: no limit. */
  messageRate?: MessageRateOptions
  /**
   * The time after which a socket closes with 1001, in milliseconds. Clients then reconnect, to another server or with
   * fresh credentials. Default: no limit.
   */
  maxLifetime?: number
  /** The random part of `maxLifetime`, as a fraction, so that sockets do not all close at once. Default 0.1. */
  lifetimeJitter?: number
}

/** When to ping a silent peer, and when to destroy its connection. */
export interface HeartbeatOptions {
  /** The silence after which a peer gets a ping, in milliseconds; up to a tenth longer. Default 30,000. */
  interval?: number
  /**
   * How long the peer may take to answer, in milliseconds. Then the connection is destroyed, and the socket closes with
   * 1006. Default 10,000.
   */
  timeout?: number
  /**
   * The time without a message in either direction after which a hixie socket is destroyed, in milliseconds; up to
   * twice as long. The hixie drafts have no ping. False leaves it to TCP keepalive. Default 600,000 (10 minutes).
   */
  idle?: number | false
}

/** What happens if a peer reads slower than the application sends. */
export interface BackpressureOptions {
  /**
   * How many bytes may be queued for one peer; one message may exceed the limit. Default 16,777,216 (16 MiB), or
   * `maxPayload` if that is more.
   */
  limit?: number
  /**
   * What happens to messages over the limit:
   *
   * - 'close': the queue is dropped, and the socket closes with 1013. If the peer does not read at all, the connection
   *   is destroyed after `closeTimeout`.
   * - 'drop': the message is not sent, a 'drop' event is emitted, and `traffic` counts it.
   * - 'latest': the newest message of each `kind` is kept, older ones are dropped.
   * - 'wait': `send()` returns 'refused', and `sent()` waits.
   *
   * Default 'close'.
   */
  policy?: BackpressurePolicy
}

/** How sockets close when the application closes. */
export interface ShutdownOptions {
  /** The close code. Default 1001 (going away). */
  code?: number
  /** The close reason, at most 123 bytes. Default ''. */
  reason?: string
  /**
   * The time over which the closes are spread, in milliseconds, so that clients do not all reconnect at once. Default
   * 0.
   */
  drain?: number
}

/** Receives errors that a handler or listener of a socket throws or rejects with. */
export type SocketErrorHandler = (
  this: FastifyInstance, error: Error, socket: WireSocket, request: FastifyRequest, reply: FastifyReply
) => void | Promise<void>

/** Returns one of the offered subprotocols, or false or undefined for none. */
export type ProtocolChooser = (offered: readonly string[], request: FastifyRequest) => string | false | undefined

/** The options of the sockets of a route. Options given to the plugin are the defaults of every route. */
export interface SocketOptions extends AdmissionOptions, TopicRouteOptions {
  /** The accepted protocol versions. Default: all. */
  versions?: readonly Version[]
  /** The supported subprotocols, or a function that chooses one. Default: the first that the client offers. */
  protocols?: readonly string[] | ProtocolChooser
  /**
   * The maximum size of a received message, in bytes; a larger one closes the socket with 1009. Default 1,048,576 (1
   * MiB).
   */
  maxPayload?: number
  /**
   * The maximum number of fragments of a message; more close the socket with 1008. Default
   * `max(1024, maxPayload / 64 + 1)`: enough for the largest message in fragments of 64 bytes.
   */
  maxFragments?: number
  /**
   * The time limit for the closing handshake, in milliseconds; then the connection is destroyed. An application that
   * closes waits as long for asynchronous 'close' listeners. Default 5,000: orchestrators often allow 10 seconds to
   * stop.
   */
  closeTimeout?: number
  /** When to ping a silent peer: see HeartbeatOptions for the defaults. False turns it off. Default true. */
  heartbeat?: HeartbeatOptions | boolean
  /** What to do about a slow peer: see BackpressureOptions for the defaults. False removes the limit. */
  backpressure?: BackpressureOptions | false
  /**
   * Receives errors of handlers and listeners. Default: logs the error and closes the socket with 1011. With a handler,
   * each socket keeps its request and reply in memory.
   */
  errorHandler?: SocketErrorHandler
  /** Whether and how messages are compressed, if the client agrees (RFC 7692). Default false. */
  perMessageDeflate?: boolean | DeflateOptions
  /**
   * How to handle a message that does not match `schema.message`. `'close'` closes the socket with 1007 (not JSON),
   * 1008 (no match) or 1003 (binary). `'reply'` sends the error as JSON. Default: call the `errorHandler`, or `'close'`
   * without one.
   */
  onInvalid?: 'close' | 'reply'
  /** Whether a route with `schema.message` refuses binary messages, or passes them on unparsed. Default `'refuse'`. */
  onBinary?: 'refuse' | 'pass'
  /**
   * Whether `send()` throws if a value does not match `schema.send`; otherwise the serializer converts the value. Reads
   * each value twice, so it is meant for development and tests. Default false.
   */
  validateSend?: boolean
}

export interface WireOptions extends SocketOptions, TopicPluginOptions {
  /** The name of the method that declares sockets, if `app.ws` is taken: 'socket' for `app.socket()`. Default 'ws'. */
  decorator?: string
  /**
   * Whether to read and write connections by private APIs of Node: all sockets share one receive buffer, and most
   * writes are one system call. A test at start decides whether they work. Default true.
   */
  directIO?: boolean
  /** The options of `app.websocketServer`, named as the server options of `ws`. */
  options?: WireServerOptions
  /** How sockets close when the application closes: see ShutdownOptions for the defaults. */
  shutdown?: ShutdownOptions
  /** Replaces the hook that closes all sockets when the application closes. */
  preClose?: preCloseHookHandler | preCloseAsyncHookHandler
}
