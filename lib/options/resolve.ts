import { inspect } from 'node:util'
import { ADMISSION_OPTIONS, resolveAdmission, type AdmissionSettings } from './admission.js'
import { ANY_COUNT, ANY_SIZE, ANY_TIME, flag, oneOf, wholeNumber } from './checks.js'
import { resolveDeflate } from './deflate.js'
import type { DeflateSettings } from '../deflate/settings.js'
import { BadOption } from '../errors.js'
import { VERSIONS, type Version } from '../versions.js'
import { fragmentsFor } from '../protocol/limits.js'
import { resolveBackpressure, resolveHeartbeat, resolveShutdown } from './life.js'
import type { ShutdownSettings } from '../server/shutdown.js'
import type { Limits } from '../protocol/protocol.js'
import type { BackpressureSettings } from '../socket/backpressure.js'
import type { HeartbeatSettings } from '../socket/heartbeat.js'
import type { ProtocolChooser, SocketErrorHandler, SocketOptions, WireOptions } from './options.js'

/** The options of one route, checked and resolved when it was registered. */
export interface Settings extends AdmissionSettings {
  readonly versions: readonly Version[]
  readonly protocols: readonly string[] | ProtocolChooser | undefined
  readonly limits: Limits
  readonly closeTimeout: number
  readonly heartbeat: HeartbeatSettings | undefined
  readonly backpressure: BackpressureSettings | undefined
  readonly shutdown: ShutdownSettings
  /** That of the application, which gets the request; undefined for the default of lib/routes/error-handling.ts. */
  readonly errorHandler: SocketErrorHandler | undefined
  /**
   * Whether errors are handled as @fastify/websocket does: the error handler gets the faults of the peer and of the
   * connection as well, by the codes of `ws`, and without one an error terminates the socket.
   */
  readonly reportsFaults: boolean
  /** Whether a handshake may come without a Host header, against RFC 6455 §4.2.1. */
  readonly toleratesMissingHost: boolean
  readonly directIO: boolean
  readonly deflate: DeflateSettings | undefined
  /** What is done with a message that a schema refuses; undefined where that is for the error handler. */
  readonly onInvalid: 'close' | 'reply' | undefined
  readonly passesBinary: boolean
  readonly validatesSend: boolean
}

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
    directIO: flag('directIO', given.directIO) ?? true,
    deflate: resolveDeflate(given.perMessageDeflate),
    onInvalid: oneOf('onInvalid', given.onInvalid, ['close', 'reply']) ?? (given.errorHandler === undefined ? 'close' : undefined),
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
  return { ...resolveSettings(own, defaults), reportsFaults: true, toleratesMissingHost: true }
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

function checkErrorHandler (errorHandler: SocketErrorHandler | undefined): SocketErrorHandler | undefined {
  if (errorHandler !== undefined && typeof errorHandler !== 'function') throw new BadOption('errorHandler', 'a function', inspect(errorHandler))
  return errorHandler
}
