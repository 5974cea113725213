import { inspect } from 'node:util'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, preCloseAsyncHookHandler, preCloseHookHandler } from 'fastify'
import { ADMISSION_OPTIONS, resolveAdmission, type AdmissionOptions, type AdmissionSettings } from './admission.js'
import { ANY_COUNT, ANY_SIZE, ANY_TIME, flag, oneOf, wholeNumber } from './checks.js'
import { resolveDeflate, type DeflateOptions } from './deflate.js'
import { BadOption, UncleanClose, type RefusedMessage } from '../errors.js'
import type { DeflateSettings } from '../handshake/extensions.js'
import { VERSIONS } from '../handshake/handshake.js'
import { fragmentsFor } from '../protocol/limits.js'
import { resolveBackpressure, resolveHeartbeat, resolveShutdown, type BackpressureOptions, type HeartbeatOptions, type ShutdownOptions } from './life.js'
import type { ShutdownSettings } from '../server/shutdown.js'
import type { Limits, Version } from '../protocol/protocol.js'
import { toErrorText, toReason } from '../routes/schema.js'
import type { WireServerOptions } from '../server/server.js'
import type { BackpressureSettings } from '../socket/backpressure.js'
import type { HeartbeatSettings } from '../socket/heartbeat.js'
import type { WireSocket } from '../socket/socket.js'
import { isError } from '../is-error.js'
import { tryLog } from '../try-log.js'
import { isFault } from '../routes/error-handling.js'

/** Receives what a socket's handler or one of its listeners throws or rejects with: an Error, if the application throws nothing else. */
export type SocketErrorHandler = (this: FastifyInstance, error: Error, socket: WireSocket, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>

/** Picks one of the subprotocols that the client offered, or none. */
export type ProtocolChooser = (offered: readonly string[], request: FastifyRequest) => string | false | undefined

/** What a route may say of its sockets; given to the plugin, it is the default of every route. */
export interface SocketOptions extends AdmissionOptions {
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

export interface WireOptions extends SocketOptions {
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

/** The options of one route, checked and resolved when it was registered. */
export interface Settings extends AdmissionSettings {
  readonly versions: readonly Version[]
  readonly protocols: readonly string[] | ProtocolChooser | undefined
  readonly limits: Limits
  readonly closeTimeout: number
  readonly heartbeat: HeartbeatSettings | undefined
  readonly backpressure: BackpressureSettings | undefined
  readonly shutdown: ShutdownSettings
  /** That of the application, which gets the request; undefined where `fail` is enough. */
  readonly errorHandler: SocketErrorHandler | undefined
  /** What is done with an error where the application has no handler for it. */
  readonly fail: DefaultErrorHandler
  /** Whether the error handler gets the faults of the peer and of the connection as well, by the codes of `ws`. */
  readonly reportsFaults: boolean
  /** Whether a handshake may come without a Host header, against RFC 6455 §4.2.1. */
  readonly toleratesMissingHost: boolean
  readonly directIO: boolean
  readonly deflate: DeflateSettings | undefined
  /** What is done with a message that a schema refuses; undefined where that is for the error handler. */
  readonly refuse: DefaultErrorHandler | undefined
  readonly passesBinary: boolean
  readonly validatesSend: boolean
}

/** It needs the log of the request only, so that the request need not be kept for it. */
type DefaultErrorHandler = (error: unknown, socket: WireSocket, log: FastifyBaseLogger) => void

// What a loop over the messages throws when the peer left without a close is no failure, and the log has it already.
const closeWith1011: DefaultErrorHandler = (error, socket, log) => {
  if (error instanceof UncleanClose) return
  tryLog(log, 'error', { err: error }, 'a WebSocket handler failed')
  socket.close(1011)
}

// The default of @fastify/websocket. A fault has closed the socket already, with the code that says which it was.
const terminate: DefaultErrorHandler = (error, socket, log) => {
  tryLog(log, 'error', error as object)
  if (!(isError(error) && isFault(error))) socket.terminate()
}

// A fault of a client is no fault here: as in Fastify, it is not logged as an error.
const refuseBy = (answer: (error: RefusedMessage, socket: WireSocket) => void): DefaultErrorHandler => (error, socket, log) => {
  // After the close nobody cares for what had been sent before.
  if (socket.readyState !== socket.OPEN) return
  tryLog(log, 'info', { err: error }, 'a message was refused')
  answer(error as RefusedMessage, socket)
}

const closeRefused = refuseBy(({ closeCode, message }, socket) => { socket.close(closeCode, toReason(message)) })

const replyRefused = refuseBy((error, socket) => { socket.send(toErrorText(error), { binary: false }) })

// The default of the server of `ws`.
const DROP_IN_MAX_PAYLOAD = 104_857_600

/** The names of all that is in SocketOptions. */
export const SOCKET_OPTIONS: readonly string[] = [
  ...ADMISSION_OPTIONS,
  ...['versions', 'protocols', 'maxPayload', 'maxFragments', 'closeTimeout', 'heartbeat', 'backpressure', 'errorHandler', 'perMessageDeflate', 'onInvalid', 'onBinary', 'validateSend'] satisfies Array<keyof SocketOptions>
]

/** Tells the options of the socket from those of the Fastify route. */
export function isSocketOption (name: string): boolean {
  return SOCKET_OPTIONS.includes(name)
}

/**
 * @throws BadOption
 */
export function resolveSettings (options: WireOptions, defaults: WireOptions = {}): Settings {
  const given: WireOptions = { ...defaults, ...options }
  const maxPayload = wholeNumber('maxPayload', given.maxPayload, ANY_SIZE) ?? 1_048_576
  return {
    ...resolveAdmission(given, options),
    versions: checkVersions(given.versions),
    protocols: checkProtocols(given.protocols),
    limits: {
      maxPayload,
      maxFragments: wholeNumber('maxFragments', given.maxFragments, ANY_COUNT) ?? fragmentsFor(maxPayload)
    },
    closeTimeout: wholeNumber('closeTimeout', given.closeTimeout, ANY_TIME) ?? 5_000,
    heartbeat: resolveHeartbeat(given.heartbeat),
    // Where messages may be of any size, what waits may not.
    backpressure: resolveBackpressure(given.backpressure, maxPayload === ANY_SIZE.max ? DROP_IN_MAX_PAYLOAD : maxPayload),
    shutdown: resolveShutdown(given.shutdown),
    errorHandler: checkErrorHandler(given.errorHandler),
    fail: closeWith1011,
    directIO: flag('directIO', given.directIO) ?? true,
    deflate: resolveDeflate(given.perMessageDeflate),
    refuse: resolveRefusal(given.onInvalid, given.errorHandler),
    passesBinary: oneOf('onBinary', given.onBinary, ['refuse', 'pass']) === 'pass',
    validatesSend: flag('validateSend', given.validateSend) ?? false,
    reportsFaults: false,
    toleratesMissingHost: false
  }
}

/**
 * The options of a route that is declared as for @fastify/websocket, with its defaults.
 * @param own what the route says of its sockets itself
 */
export function resolveDropInSettings (options: WireOptions, own: SocketOptions = {}): Settings {
  const defaults: WireOptions = { maxPayload: DROP_IN_MAX_PAYLOAD, ...options, origin: options.origin === undefined ? true : options.origin }
  return { ...resolveSettings(own, defaults), fail: terminate, reportsFaults: true, toleratesMissingHost: true }
}

function checkVersions (versions: readonly Version[] | undefined): readonly Version[] {
  if (versions === undefined) return VERSIONS
  if (!Array.isArray(versions) || versions.length === 0 || versions.some((version) => !VERSIONS.includes(version))) {
    throw new BadOption('versions', `a list of one or more of ${VERSIONS.join(', ')}`, inspect(versions))
  }
  return versions
}

function checkProtocols (protocols: SocketOptions['protocols']): Settings['protocols'] {
  if (protocols === undefined || typeof protocols === 'function') return protocols
  if (!Array.isArray(protocols) || protocols.some((protocol) => typeof protocol !== 'string')) {
    throw new BadOption('protocols', 'a list of strings or a function', inspect(protocols))
  }
  return protocols
}

function resolveRefusal (onInvalid: SocketOptions['onInvalid'], errorHandler: SocketErrorHandler | undefined): DefaultErrorHandler | undefined {
  const answer = oneOf('onInvalid', onInvalid, ['close', 'reply']) ?? (errorHandler === undefined ? 'close' : undefined)
  if (answer === undefined) return undefined
  return answer === 'close' ? closeRefused : replyRefused
}

function checkErrorHandler (errorHandler: SocketErrorHandler | undefined): SocketErrorHandler | undefined {
  if (errorHandler !== undefined && typeof errorHandler !== 'function') throw new BadOption('errorHandler', 'a function', inspect(errorHandler))
  return errorHandler
}
