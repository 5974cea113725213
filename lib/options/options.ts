// What may be given to the plugin and to a route, as an application writes it; table.ts has the defaults and the checks.
import type { FastifyInstance, FastifyReply, FastifyRequest, preCloseAsyncHookHandler, preCloseHookHandler } from 'fastify'
import type { DeflateOptions } from '../deflate/settings.js'
import type { WireServerOptions } from '../server/server.js'
import type { BackpressurePolicy } from '../socket/backpressure.js'
import type { WireSocket } from '../socket/socket.js'
import type { Version } from '../versions.js'
import type { TopicPluginOptions, TopicRouteOptions } from './topics.js'

/** Says whether pages of an origin may connect: only `true` lets them in. It is not asked where a client sends no origin. */
export type OriginCheck = (origin: string, request: FastifyRequest) => boolean | Promise<boolean>

/** `'https://example.com'`, a pattern, `'same-origin'` for that of the server, or `'null'` for pages that have none. */
export type OriginEntry = string | RegExp

export interface MessageRateOptions {
  /** Messages per second, over time; may be a fraction. */
  rate: number
  /** Messages that may come at once. Default: those of one second, or 1. */
  burst?: number
  /**
   * What is done with one message more. `'close'`, the default, closes with 1008. `'pause'` reads no more until it may
   * come, so that TCP slows the peer down: for those who cannot know the rate.
   */
  policy?: 'close' | 'pause'
}

/** Who may connect, how many, and how much of a server one connection may take. */
export interface AdmissionOptions {
  /**
   * Whose pages may connect; any other gets 403. Default `'same-origin'`, since browsers send the cookies of a user
   * along with the handshake of any page. `true` lets in all. A client that sends no origin is no browser, and passes.
   * `{ websocket: true }` routes let in all unless this is given, as @fastify/websocket does.
   */
  origin?: true | OriginEntry | readonly OriginEntry[] | OriginCheck
  /**
   * How many connections there may be, counted from their handshake on; one more gets 503. Given to the plugin, it is for
   * all its routes together; given to a route, for that route. Default: any number.
   */
  maxConnections?: number
  /**
   * How many connections of one IP address there may be, with the same two meanings; one more gets 429. IPv6 addresses
   * count as one when their first 64 bits are the same. Default: any number, since many users may share an address.
   */
  maxConnectionsPerAddress?: number
  /**
   * How long all of a handshake may take, hooks included, in milliseconds. Default 10,000; then 503, or 408 where the
   * client is late. The plugin's also bounds how long the head of any request may take, where the application does not.
   */
  handshakeTimeout?: number
  /** How many messages a socket may receive. Default: any number. */
  messageRate?: MessageRateOptions
  /**
   * How long a socket may be open, in milliseconds; then it closes with 1001, so that clients connect again: to another
   * server, or with credentials that still hold. Default: without end.
   */
  maxLifetime?: number
  /** By how much a lifetime may be shorter, as a fraction of it, so that not all end at once. Default 0.1. */
  lifetimeJitter?: number
}

/** When a silent peer is asked whether it is there, and cut. */
export interface HeartbeatOptions {
  /** How long a peer may be silent before it gets a ping, in milliseconds; up to a tenth more. Default 30,000. */
  interval?: number
  /** How long it may take to answer, in milliseconds; then the connection is cut, and the socket closes with 1006. Default 10,000. */
  timeout?: number
  /**
   * How long a socket of the hixie drafts, which have no ping, may be without a message either way, in milliseconds; up to
   * twice that, then it is cut. Default 600,000 (10 minutes). With false TCP keepalive alone looks after it.
   */
  idle?: number | false
}

/** What is done about a peer that reads slower than we send. */
export interface BackpressureOptions {
  /**
   * How many bytes may wait for one peer; one message may go past it. Default 16,777,216 (16 MiB), or `maxPayload` where
   * that is more: a peer that reads at all has read that much before it is missed, and a thousand that do not cost 16 GiB.
   */
  limit?: number
  /**
   * - 'close': the socket closes with 1013, and what waits is forgotten. A peer that reads nothing does not get the close
   *   either, and is cut after `closeTimeout`.
   * - 'drop': messages are not sent while more than the limit waits; each is told by 'drop' and counted in `traffic`.
   * - 'latest': while the peer is slow one message of each `kind` is kept, the newest; the others are dropped.
   * - 'wait': `send()` refuses, and `sent()` waits for room.
   *
   * Default 'close'.
   */
  policy?: BackpressurePolicy
}

/** How the sockets are closed when the application closes. */
export interface ShutdownOptions {
  /** The close code. Default 1001, "going away". */
  code?: number
  /** The close reason, at most 123 bytes. Default ''. */
  reason?: string
  /** Over how many milliseconds the closes are spread, so that the clients do not all come back at once. Default 0. */
  drain?: number
}

/** Receives what a socket's handler or one of its listeners throws or rejects with: an Error, if the application throws nothing else. */
export type SocketErrorHandler = (this: FastifyInstance, error: Error, socket: WireSocket, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>

/** Picks one of the subprotocols that the client offered, or none. */
export type ProtocolChooser = (offered: readonly string[], request: FastifyRequest) => string | false | undefined

/** What a route may say of its sockets; given to the plugin, it is the default of every route. */
export interface SocketOptions extends AdmissionOptions, TopicRouteOptions {
  /** The protocol versions accepted. Default: all of them. */
  versions?: readonly Version[]
  /** The subprotocols spoken, or a function that picks one. Default: the first that the client offers. */
  protocols?: readonly string[] | ProtocolChooser
  /** The largest message received, in bytes. Default 1,048,576 (1 MiB); a larger one closes with 1009. */
  maxPayload?: number
  /**
   * The most fragments of one message. Default: `max(1024, maxPayload / 64 + 1)`, so that a message within
   * `maxPayload` may come in pieces of 64 bytes; more close with 1008.
   */
  maxFragments?: number
  /**
   * How long a closing handshake may take, in milliseconds; then the connection is cut. An application that closes waits
   * as long for asynchronous listeners of 'close'. Default 5,000, so that it ends within the 10 seconds that processes
   * commonly have for that, whether a peer is silent or not.
   */
  closeTimeout?: number
  /** When a silent peer gets a ping, and is cut: see HeartbeatOptions for the defaults. False turns it off. Default true. */
  heartbeat?: HeartbeatOptions | boolean
  /** What is done about a peer that reads slower than we send: see BackpressureOptions for the defaults. False lets all wait. */
  backpressure?: BackpressureOptions | false
  /** Default: logs the error and closes the socket with 1011. Where one is given, it costs each socket the memory of its request. */
  errorHandler?: SocketErrorHandler
  /** Whether and how messages are compressed, where the client agrees (RFC 7692). Default false. */
  perMessageDeflate?: boolean | DeflateOptions
  /**
   * What is done with a message that is not what `schema.message` of its route says: `'close'` closes the socket, with
   * 1007 what is not JSON, 1008 what does not match, 1003 what is binary; `'reply'` sends an error as JSON and goes on.
   * Default: the `errorHandler` of the application gets it or, where there is none, `'close'`.
   */
  onInvalid?: 'close' | 'reply'
  /** Whether binary messages are refused on a route with `schema.message`, or passed on as they are. Default `'refuse'`. */
  onBinary?: 'refuse' | 'pass'
  /**
   * Whether a value that does not match `schema.send` of its route is an error of `send()`. Without it the serializer
   * converts the value. It costs a second pass over each value, so it is meant for development and tests. Default false.
   */
  validateSend?: boolean
}

export interface WireOptions extends SocketOptions, TopicPluginOptions {
  /** The name of the method that declares sockets, where `app.ws` is taken: 'socket' for `app.socket()`. Default 'ws'. */
  decorator?: string
  /**
   * Whether connections are read and written in a way that Node does not make public: every read lands in one buffer,
   * and most writes leave in one call. It is tried at start and used only where it works. Default true.
   */
  directIO?: boolean
  /** The options of `app.websocketServer`, named as those of the server of `ws`. */
  options?: WireServerOptions
  /** How the sockets are closed when the application closes: see ShutdownOptions for the defaults. */
  shutdown?: ShutdownOptions
  /** Runs in place of what closes the sockets when the application closes: see `app.websocketServer`. */
  preClose?: preCloseHookHandler | preCloseAsyncHookHandler
}
