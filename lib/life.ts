import { inspect } from 'node:util'
import type { ShutdownSettings } from './closing.js'
import { BadOption } from './errors.js'
import { encodeClose } from './protocol/close.js'
import type { BackpressurePolicy, BackpressureSettings } from './socket/backpressure.js'
import type { HeartbeatSettings } from './socket/heartbeat.js'

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

const POLICIES: readonly BackpressurePolicy[] = ['close', 'drop', 'latest', 'wait']

// 24.8 days: a longer delay makes a Node timer fire at once.
const MAX_DELAY = 2 ** 31 - 1

/**
 * @returns undefined where there is to be none
 * @throws BadOption
 */
export function resolveHeartbeat (given: HeartbeatOptions | boolean | undefined): HeartbeatSettings | undefined {
  if (given === false) return undefined
  const { interval, timeout, idle } = objectOf('heartbeat', given === true ? undefined : given, 'false or ')
  return {
    interval: wholeNumber('heartbeat.interval', interval, 30_000, 1, MAX_DELAY),
    timeout: wholeNumber('heartbeat.timeout', timeout, 10_000, 1, MAX_DELAY),
    idle: idle === false ? false : wholeNumber('heartbeat.idle', idle, 600_000, 1, MAX_DELAY, 'false or ')
  }
}

/**
 * @param maxPayload the least that the limit is by default
 * @returns undefined where as much may wait as does
 * @throws BadOption
 */
export function resolveBackpressure (given: BackpressureOptions | false | undefined, maxPayload: number): BackpressureSettings | undefined {
  if (given === false) return undefined
  const { limit, policy = 'close' } = objectOf('backpressure', given, 'false or ')
  if (!POLICIES.includes(policy)) throw new BadOption('backpressure.policy', `one of ${POLICIES.join(', ')}`, inspect(policy))
  return { limit: wholeNumber('backpressure.limit', limit, Math.max(16_777_216, maxPayload), 0, Number.MAX_SAFE_INTEGER), policy }
}

/**
 * @throws BadOption, BadCloseCode, CloseReasonTooLong
 */
export function resolveShutdown (given: ShutdownOptions | undefined): ShutdownSettings {
  const { code = 1001, reason = '', drain } = objectOf('shutdown', given)
  if (typeof reason !== 'string') throw new BadOption('shutdown.reason', 'a string', inspect(reason))
  encodeClose(code, reason)
  return { code, reason, drain: wholeNumber('shutdown.drain', drain, 0, 0, MAX_DELAY) }
}

function objectOf<Options extends object> (name: string, given: Options | undefined, or = ''): Partial<Options> {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null) throw new BadOption(name, `${or}an object`, inspect(given))
  return given
}

function wholeNumber (name: string, value: number | undefined, byDefault: number, min: number, max: number, or = ''): number {
  if (value === undefined) return byDefault
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new BadOption(name, `${or}a whole number from ${min} to ${max}`, inspect(value))
  }
  return value
}
