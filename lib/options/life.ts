import { inspect } from 'node:util'
import type { ShutdownSettings } from '../server/shutdown.js'
import { BadOption } from '../errors.js'
import { encodeClose } from '../protocol/close.js'
import type { BackpressurePolicy, BackpressureSettings } from '../socket/backpressure.js'
import type { HeartbeatSettings } from '../socket/heartbeat.js'
import { ANY_SIZE, ANY_TIME, objectOf, oneOf, wholeNumber } from './checks.js'
import type { BackpressureOptions, HeartbeatOptions, ShutdownOptions } from './options.js'

const ANY_CODE = { min: 1000, max: 4999 }
const POLICIES: readonly BackpressurePolicy[] = ['close', 'drop', 'latest', 'wait']

/**
 * @returns undefined if the heartbeat is off
 * @throws BadOption
 */
export function resolveHeartbeat (given: HeartbeatOptions | boolean | undefined): HeartbeatSettings | undefined {
  if (given === false) return undefined
  const options = given === true ? undefined : given
  const { interval, timeout, idle } = objectOf('heartbeat', options, ['interval', 'timeout', 'idle'], 'false or ')
  return {
    interval: wholeNumber('heartbeat.interval', interval, ANY_TIME) ?? 30_000,
    timeout: wholeNumber('heartbeat.timeout', timeout, ANY_TIME) ?? 10_000,
    idle: idle === false ? false : wholeNumber('heartbeat.idle', idle, { ...ANY_TIME, or: 'false or ' }) ?? 600_000
  }
}

/**
 * @param maxPayload the default limit is at least this many bytes
 * @returns undefined if there is no limit
 * @throws BadOption
 */
export function resolveBackpressure (
  given: BackpressureOptions | false | undefined, maxPayload = 0
): BackpressureSettings | undefined {
  if (given === false) return undefined
  const { limit, policy } = objectOf('backpressure', given, ['limit', 'policy'], 'false or ')
  return {
    limit: wholeNumber('backpressure.limit', limit, ANY_SIZE) ?? Math.max(16_777_216, maxPayload),
    policy: oneOf('backpressure.policy', policy, POLICIES) ?? 'close'
  }
}

/** @throws BadOption, BadCloseCode, CloseReasonTooLong */
export function resolveShutdown (given: ShutdownOptions | undefined): ShutdownSettings {
  const { code = 1001, reason = '', drain } = objectOf('shutdown', given, ['code', 'reason', 'drain'])
  if (typeof reason !== 'string') throw new BadOption('shutdown.reason', 'a string', inspect(reason))
  wholeNumber('shutdown.code', code, ANY_CODE)
  encodeClose(code, reason)
  return { code, reason, drain: wholeNumber('shutdown.drain', drain, { ...ANY_TIME, min: 0 }) ?? 0 }
}
