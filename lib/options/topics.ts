import { inspect } from 'node:util'
import type { FastifyRequest } from 'fastify'
import type { Engine } from '../engine/engine.js'
import { BadOption } from '../errors.js'
import type { LiveMember } from '../topics/frames.js'
import type { HubSettings } from '../topics/hub.js'
import { MAX_HISTORY, retentionOf, type HistoryOptions } from '../topics/topics.js'
import type { TopicRules } from '../topics/topic-rules.js'
import { ANY_COUNT, ANY_TIME, objectOf, wholeNumber } from './checks.js'

/** Returns the topics that a socket follows when it opens; an empty list for none. */
export type TopicChooser = (request: FastifyRequest) => string | readonly string[] | Promise<string | readonly string[]>

/** What `presence` returns: an object with an `id`, serializable as JSON; or undefined for none. */
// LiveMember permits further properties in a literal, the other type interfaces without an index signature.
export type MemberChoice = LiveMember | { readonly id: string | number } | undefined

/** Returns the member that a socket represents. A number as `id` becomes a string. */
export type MemberChooser = (request: FastifyRequest) => MemberChoice | Promise<MemberChoice>

/** The options of a route about topics. */
export interface TopicRouteOptions {
  /**
   * The topics that a socket follows when it opens: `true` for the path of its URL, one or more names, or a function of
   * the request, called after the hooks of the route. Default: none.
   */
  topic?: true | string | readonly string[] | TopicChooser
  /** How much history of these topics is kept: see HistoryOptions for the defaults. */
  history?: HistoryOptions
  /** Returns the member that a socket represents in these topics. Default: the topics have no members. */
  presence?: MemberChooser
}

/** The options of all topics of a registration. */
export interface TopicsOptions {
  /** The maximum number of topics that one socket follows. Default 100. */
  maxTopics?: number
  /** The maximum length of a topic's name, in bytes of UTF-8. Default 1,024. */
  maxTopicLength?: number
  /** How long after the last sign of life of a process its members leave, in milliseconds. Default 30,000. */
  lease?: number
  /** How long a member stays after its last socket has closed, in milliseconds. Default 5,000. */
  grace?: number
  /** The interval of pings to clients that speak the live subprotocol, in milliseconds. Default 25,000. */
  liveInterval?: number
}

export interface TopicPluginOptions {
  /** Shares topics with other processes: `redisEngine()` or `natsEngine()`. Default: topics of this process only. */
  engine?: Engine
  /** The options of all topics: see TopicsOptions for the defaults. */
  topics?: TopicsOptions
}

/** TopicRouteOptions, resolved when a route is registered. */
export interface TopicSettings {
  readonly topic: TopicRouteOptions['topic']
  readonly rules: Pick<TopicRules, 'retention' | 'hasPresence'>
  readonly member: MemberChooser | undefined
}

// In milliseconds.
const UNUSED_TOPIC_TIMEOUT = 5_000

/** @throws BadOption */
export function resolveTopic (topic: TopicRouteOptions['topic']): TopicRouteOptions['topic'] {
  const isNames = Array.isArray(topic) && topic.every((name) => typeof name === 'string')
  if (topic !== undefined && topic !== true && typeof topic !== 'string' && typeof topic !== 'function' && !isNames) {
    throw new BadOption('topic', 'true, a name, a list of names, or a function', inspect(topic))
  }
  return topic
}

/** @throws BadOption */
export function resolveHistory (given: HistoryOptions | undefined): TopicRules['retention'] {
  const { size, ttl } = objectOf('history', given, ['size', 'ttl'])
  return retentionOf({
    size: wholeNumber('history.size', size, { min: 0, max: MAX_HISTORY }),
    ttl: wholeNumber('history.ttl', ttl, ANY_TIME)
  })
}

/** @throws BadOption */
export function resolveTopics (given: TopicsOptions | undefined): HubSettings {
  const { maxTopics, maxTopicLength, lease, grace, liveInterval } =
    objectOf('topics', given, ['maxTopics', 'maxTopicLength', 'lease', 'grace', 'liveInterval'])
  return {
    maxTopics: wholeNumber('topics.maxTopics', maxTopics, ANY_COUNT) ?? 100,
    maxTopicLength: wholeNumber('topics.maxTopicLength', maxTopicLength, ANY_COUNT) ?? 1_024,
    lease: wholeNumber('topics.lease', lease, { min: 1_000, max: ANY_TIME.max }) ?? 30_000,
    grace: wholeNumber('topics.grace', grace, { min: 0, max: ANY_TIME.max }) ?? 5_000,
    liveInterval: wholeNumber('topics.liveInterval', liveInterval, { min: 100, max: ANY_TIME.max }) ?? 25_000,
    unusedTopicTimeout: UNUSED_TOPIC_TIMEOUT
  }
}

/** @throws BadOption */
export function checkEngine (engine: unknown): Engine | undefined {
  if (engine === undefined) return undefined
  const { publish, subscribe, read } = Object(engine) as Partial<Engine>
  if ([publish, subscribe, read].some((method) => typeof method !== 'function')) {
    const allowed = "an engine, such as redisEngine({ url }) of 'fastify-wire/redis'"
    throw new BadOption('engine', allowed, inspect(engine, { depth: 0 }))
  }
  return engine as Engine
}
