import type { DeflateSettings } from '../deflate/settings.js'
import { fragmentsFor } from '../protocol/limits.js'
import type { Limits } from '../protocol/protocol.js'
import type { ShutdownSettings } from '../server/shutdown.js'
import type { BackpressureSettings } from '../socket/backpressure.js'
import type { HeartbeatSettings } from '../socket/heartbeat.js'
import type { Version } from '../versions.js'
import type { AdmissionSettings } from './admission.js'
import type { AdmissionOptions, ProtocolChooser, SocketErrorHandler, SocketOptions, WireOptions } from './options.js'
import { OPTIONS } from './table.js'
import type { TopicSettings } from './topics.js'

/** The options of one route, resolved when it is registered. */
export interface Settings extends AdmissionSettings {
  readonly versions: readonly Version[]
  readonly protocols: readonly string[] | ProtocolChooser | undefined
  readonly limits: Limits
  readonly closeTimeout: number
  readonly heartbeat: HeartbeatSettings | undefined
  readonly backpressure: BackpressureSettings | undefined
  readonly shutdown: ShutdownSettings
  /** The application's handler; undefined for the default in lib/routes/error-handling.ts. */
  readonly errorHandler: SocketErrorHandler | undefined
  /**
   * Whether errors are handled as in @fastify/websocket: the error handler also receives protocol and connection
   * errors, with the codes of `ws`. Without an error handler, an error terminates the socket.
   */
  readonly reportsFaults: boolean
  /** Whether a handshake may lack the Host header that RFC 6455 §4.2.1 requires. */
  readonly toleratesMissingHost: boolean
  readonly directIO: boolean
  readonly deflate: DeflateSettings | undefined
  /** How to handle a message that does not match the schema; undefined if the error handler receives it. */
  readonly onInvalid: 'close' | 'reply' | undefined
  readonly passesBinary: boolean
  readonly validatesSend: boolean
  readonly topics: TopicSettings
}

// The default of `ws`.
const DROP_IN_MAX_PAYLOAD = 104_857_600

/**
 * @param given the options of a route, with the plugin's as defaults
 * @param own the options of the route without those defaults: connection limits are not inherited
 * @throws BadOption
 */
export function resolveAdmission (given: AdmissionOptions, own: AdmissionOptions): AdmissionSettings {
  const longest = OPTIONS.maxLifetime.resolve(given.maxLifetime)
  const jitter = OPTIONS.lifetimeJitter.resolve(given.lifetimeJitter)
  return {
    origin: OPTIONS.origin.resolve(given.origin),
    maxConnections: OPTIONS.maxConnections.resolve(own.maxConnections),
    maxConnectionsPerAddress: OPTIONS.maxConnectionsPerAddress.resolve(own.maxConnectionsPerAddress),
    handshakeTimeout: OPTIONS.handshakeTimeout.resolve(given.handshakeTimeout),
    messageRate: OPTIONS.messageRate.resolve(given.messageRate),
    lifetime: longest === undefined ? undefined : { longest, jitter }
  }
}

/** @throws BadOption */
export function resolveSettings (options: WireOptions, defaults: WireOptions = {}): Settings {
  const given: WireOptions = { ...defaults, ...options }
  const maxPayload = OPTIONS.maxPayload.resolve(given.maxPayload)
  const errorHandler = OPTIONS.errorHandler.resolve(given.errorHandler)
  return {
    ...resolveAdmission(given, options),
    versions: OPTIONS.versions.resolve(given.versions),
    protocols: OPTIONS.protocols.resolve(given.protocols),
    limits: {
      maxPayload,
      maxFragments: OPTIONS.maxFragments.resolve(given.maxFragments) ?? fragmentsFor(maxPayload)
    },
    closeTimeout: OPTIONS.closeTimeout.resolve(given.closeTimeout),
    heartbeat: OPTIONS.heartbeat.resolve(given.heartbeat),
    // An unlimited maxPayload does not lift the limit on queued bytes.
    backpressure: OPTIONS.backpressure.resolve(
      given.backpressure, maxPayload === Number.MAX_SAFE_INTEGER ? DROP_IN_MAX_PAYLOAD : maxPayload
    ),
    shutdown: OPTIONS.shutdown.resolve(given.shutdown),
    errorHandler,
    directIO: OPTIONS.directIO.resolve(given.directIO),
    deflate: OPTIONS.perMessageDeflate.resolve(given.perMessageDeflate),
    onInvalid: OPTIONS.onInvalid.resolve(given.onInvalid) ?? (errorHandler === undefined ? 'close' : undefined),
    passesBinary: OPTIONS.onBinary.resolve(given.onBinary) === 'pass',
    validatesSend: OPTIONS.validateSend.resolve(given.validateSend),
    topics: {
      topic: OPTIONS.topic.resolve(given.topic),
      rules: { retention: OPTIONS.history.resolve(given.history), hasPresence: given.presence !== undefined },
      member: OPTIONS.presence.resolve(given.presence)
    },
    reportsFaults: false,
    toleratesMissingHost: false
  }
}

/**
 * Resolves the options of a route that is declared as for @fastify/websocket, with its defaults.
 * @param options the plugin's options
 * @param own the route's options
 * @throws BadOption
 */
export function resolveDropInSettings (options: WireOptions, own: SocketOptions = {}): Settings {
  const origin = options.origin === undefined ? true : options.origin
  const defaults: WireOptions = { maxPayload: DROP_IN_MAX_PAYLOAD, ...options, origin }
  return { ...resolveSettings(own, defaults), reportsFaults: true, toleratesMissingHost: true }
}
