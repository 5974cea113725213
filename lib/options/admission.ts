import { inspect } from 'node:util'
import type { ConnectionMaxima } from '../server/connection-limits.js'
import { BadOption } from '../errors.js'
import { readOrigins, SAME_ORIGIN, type OriginList } from '../handshake/origin.js'
import type { Lifetime } from '../socket/lifetime.js'
import type { Rate } from '../socket/rate-limiter.js'
import { ANY_COUNT, ANY_SIZE, ANY_TIME, objectOf, oneOf, wholeNumber } from './checks.js'
import type { AdmissionOptions, MessageRateOptions, OriginCheck } from './options.js'

/** The same, checked and resolved when a route was registered. */
export interface AdmissionSettings extends ConnectionMaxima {
  /** undefined for any. */
  readonly origin: OriginList | OriginCheck | undefined
  readonly handshakeTimeout: number
  readonly messageRate: Rate | undefined
  readonly lifetime: Lifetime | undefined
}

export const ADMISSION_OPTIONS =
  ['origin', 'maxConnections', 'maxConnectionsPerAddress', 'handshakeTimeout', 'messageRate', 'maxLifetime', 'lifetimeJitter'] satisfies Array<keyof AdmissionOptions>

/**
 * @param given the options of a route, and the plugin's where it has none
 * @param own those of the route alone, or of the plugin alone: it is they that are counted
 * @throws BadOption
 */
export function resolveAdmission (given: AdmissionOptions, own: AdmissionOptions): AdmissionSettings {
  return {
    origin: resolveOrigin(given.origin === undefined ? SAME_ORIGIN : given.origin),
    maxConnections: wholeNumber('maxConnections', own.maxConnections, ANY_SIZE),
    maxConnectionsPerAddress: wholeNumber('maxConnectionsPerAddress', own.maxConnectionsPerAddress, ANY_COUNT),
    handshakeTimeout: wholeNumber('handshakeTimeout', given.handshakeTimeout, ANY_TIME) ?? 10_000,
    messageRate: resolveRate(given.messageRate),
    lifetime: resolveLifetime(given)
  }
}

function resolveOrigin (origin: NonNullable<AdmissionOptions['origin']>): AdmissionSettings['origin'] {
  if (origin === true) return undefined
  if (typeof origin === 'function') return origin
  const read = readOrigins(Array.isArray(origin) ? origin : [origin])
  if ('bad' in read) {
    throw new BadOption('origin', "true, a function, or a list of origins such as 'https://example.com' (a page has no wss: and no *), regular expressions, 'same-origin' and 'null'", inspect(read.bad))
  }
  return read
}

function resolveRate (given: MessageRateOptions | undefined): Rate | undefined {
  if (given === undefined) return undefined
  const { rate, ...others } = objectOf('messageRate', given, ['rate', 'burst', 'policy'])
  if (!(rate !== undefined && Number.isFinite(rate) && rate > 0)) throw new BadOption('messageRate.rate', 'a number of messages per second, over 0', inspect(rate))
  const policy = oneOf('messageRate.policy', others.policy, ['close', 'pause'])
  const burst = wholeNumber('messageRate.burst', others.burst, ANY_COUNT) ?? Math.max(1, Math.ceil(rate))
  return { rate, burst, pauses: policy === 'pause' }
}

function resolveLifetime ({ maxLifetime, lifetimeJitter = 0.1 }: AdmissionOptions): Lifetime | undefined {
  const longest = wholeNumber('maxLifetime', maxLifetime, ANY_TIME)
  if (!(typeof lifetimeJitter === 'number' && lifetimeJitter >= 0 && lifetimeJitter <= 1)) throw new BadOption('lifetimeJitter', 'a fraction from 0 to 1', inspect(lifetimeJitter))
  return longest === undefined ? undefined : { longest, jitter: lifetimeJitter }
}
