import { inspect } from 'node:util'
import type { FastifyRequest } from 'fastify'
import type { ConnectionMaxima } from '../server/connection-limits.js'
import { BadOption } from '../errors.js'
import { readOrigins, SAME_ORIGIN, type OriginList } from '../handshake/origin.js'
import type { Lifetime } from '../server/lifetime.js'
import type { Rate } from '../socket/rate-limiter.js'
import { ANY_COUNT, ANY_SIZE, ANY_TIME, objectOf, oneOf, wholeNumber } from './checks.js'

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
