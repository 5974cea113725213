import { inspect } from 'node:util'
import type { ShutdownSettings } from '../server/shutdown.js'
import { BadOption } from '../errors.js'
import { encodeClose } from '../protocol/close.js'
import type { BackpressurePolicy, BackpressureSettings } from '../socket/backpressure.js'
import type { HeartbeatSettings } from '../socket/heartbeat.js'
import { ANY_SIZE, ANY_TIME, objectOf, oneOf, wholeNumber } from './checks.js'

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

const ANY_CODE = { min: 1000, max: 4999 }
const POLICIES: readonly BackpressurePolicy[] = ['close', 'drop', 'latest', 'wait']

/**
 * @returns undefined where there is to be none
 * @throws BadOption
 */
export function resolveHeartbeat (given: HeartbeatOptions | boolean | undefined): HeartbeatSettings | undefined {
  if (given === false) return undefined
  const { interval, timeout, idle } = objectOf('heartbeat', given === true ? undefined : given, ['interval', 'timeout', 'idle'], 'false or ')
  return {
    interval: wholeNumber('heartbeat.interval', interval, ANY_TIME) ?? 30_000,
    timeout: wholeNumber('heartbeat.timeout', timeout, ANY_TIME) ?? 10_000,
    idle: idle === false ? false : wholeNumber('heartbeat.idle', idle, { ...ANY_TIME, or: 'false or ' }) ?? 600_000
  }
}

/**
 * @param maxPayload the least that the limit is by default
 * @returns undefined where as much may wait as does
 * @throws BadOption
 */
export function resolveBackpressure (given: BackpressureOptions | false | undefined, maxPayload: number): BackpressureSettings | undefined {
  if (given === false) return undefined
  const { limit, policy } = objectOf('backpressure', given, ['limit', 'policy'], 'false or ')
  return {
    limit: wholeNumber('backpressure.limit', limit, ANY_SIZE) ?? Math.max(16_777_216, maxPayload),
    policy: oneOf('backpressure.policy', policy, POLICIES) ?? 'close'
  }
}

/**
 * @throws BadOption, BadCloseCode, CloseReasonTooLong
 */
export function resolveShutdown (given: ShutdownOptions | undefined): ShutdownSettings {
  const { code = 1001, reason = '', drain } = objectOf('shutdown', given, ['code', 'reason', 'drain'])
  if (typeof reason !== 'string') throw new BadOption('shutdown.reason', 'a string', inspect(reason))
  wholeNumber('shutdown.code', code, ANY_CODE)
  encodeClose(code, reason)
  return { code, reason, drain: wholeNumber('shutdown.drain', drain, { ...ANY_TIME, min: 0 }) ?? 0 }
}
