import { inspect } from 'node:util'
import type { ConnectionMaxima } from '../server/connection-limits.js'
import { BadOption } from '../errors.js'
import { readOrigins, SAME_ORIGIN, type OriginList } from '../handshake/origin.js'
import type { Lifetime } from '../socket/lifetime.js'
import type { Rate } from '../socket/rate-limiter.js'
import { ANY_COUNT, objectOf, oneOf, wholeNumber } from './checks.js'
import type { AdmissionOptions, MessageRateOptions, OriginCheck } from './options.js'

/** AdmissionOptions, resolved when a route is registered. */
export interface AdmissionSettings extends ConnectionMaxima {
  /** Undefined if any origin is allowed. */
  readonly origin: OriginList | OriginCheck | undefined
  readonly handshakeTimeout: number
  readonly messageRate: Rate | undefined
  readonly lifetime: Lifetime | undefined
}

/** @throws BadOption */
export function resolveOrigin (
  origin: NonNullable<AdmissionOptions['origin']> = SAME_ORIGIN
): AdmissionSettings['origin'] {
  if (origin === true) return undefined
  if (typeof origin === 'function') return origin
  const read = readOrigins(Array.isArray(origin) ? origin : [origin])
  if ('bad' in read) {
    throw new BadOption('origin',
      "true, a function, or a list of origins such as 'https://example.com' (wss: URLs and * are not origins), " +
      "regular expressions, 'same-origin' and 'null'",
      inspect(read.bad))
  }
  return read
}

/** @throws BadOption, UnknownOption */
export function resolveRate (given: MessageRateOptions | undefined): Rate | undefined {
  if (given === undefined) return undefined
  const { rate, ...others } = objectOf('messageRate', given, ['rate', 'burst', 'policy'])
  if (!(rate !== undefined && Number.isFinite(rate) && rate > 0)) {
    throw new BadOption('messageRate.rate', 'a number of messages per second above 0', inspect(rate))
  }
  const policy = oneOf('messageRate.policy', others.policy, ['close', 'pause'])
  const burst = wholeNumber('messageRate.burst', others.burst, ANY_COUNT) ?? Math.max(1, Math.ceil(rate))
  return { rate, burst, pauses: policy === 'pause' }
}
