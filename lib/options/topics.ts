import { inspect } from 'node:util'
import type { FastifyRequest } from 'fastify'
import type { Engine } from '../engine/engine.js'
import { BadOption } from '../errors.js'
import type { LiveMember } from '../topics/frames.js'
import type { HubSettings } from '../topics/hub.js'
import { retentionOf, type HistoryOptions } from '../topics/topics.js'
import type { TopicRules } from '../topics/topic-rules.js'
import { ANY_COUNT, ANY_TIME, objectOf, wholeNumber } from './checks.js'

/** Says which topics a socket follows from the beginning. */
export type TopicChooser = (request: FastifyRequest) => string | readonly string[] | Promise<string | readonly string[]>

/** Says whom a socket stands for: an object with an `id`, which JSON can carry; nobody where it is undefined. */
export type MemberChooser = (request: FastifyRequest) => LiveMember | undefined | Promise<LiveMember | undefined>

/** What a route says of the topics of its sockets. */
export interface TopicRouteOptions {
  /**
   * The topics that a socket follows from the beginning: `true` for the path of its URL, names, or a function of the
   * request, which runs after the hooks of the route. Default: none.
   */
  topic?: true | string | readonly string[] | TopicChooser
  /** How much of these topics is kept: see HistoryOptions for the defaults. */
  history?: HistoryOptions
  /** Who is there: a function of the request. Default: the topics have no members. */
  presence?: MemberChooser
}

/** What holds for all topics of a registration. */
export interface TopicsOptions {
  /** The most topics of one socket. Default 100. */
  maxTopics?: number
  /** The longest name of a topic, in bytes of UTF-8. Default 1,024. */
  maxTopicLength?: number
  /** How long a process may be silent before its members leave, in milliseconds. Default 30,000. */
  lease?: number
  /** How long after its last socket a member stays, in milliseconds. Default 5,000. */
  grace?: number
  /** How often a client that speaks the live subprotocol gets a sign of life, in milliseconds. Default 25,000. */
  liveInterval?: number
}

export interface TopicPluginOptions {
  /** What carries messages to other processes: `redisEngine()` or `natsEngine()`. Default: this process alone. */
  engine?: Engine
  /** What holds for all topics: see TopicsOptions for the defaults. */
  topics?: TopicsOptions
}

/** What a route says of topics, checked. */
export interface TopicSettings {
  readonly topic: TopicRouteOptions['topic']
  readonly rules: Pick<TopicRules, 'retention' | 'hasPresence'>
  readonly member: MemberChooser | undefined
}

const LINGER = 5_000

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
    size: wholeNumber('history.size', size, { min: 0, max: 1_000_000 }),
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
    linger: LINGER
  }
}

/** @throws BadOption */
export function checkEngine (engine: unknown): Engine | undefined {
  if (engine === undefined) return undefined
  const { publish, subscribe, read } = Object(engine) as Partial<Engine>
  if ([publish, subscribe, read].some((method) => typeof method !== 'function')) {
    throw new BadOption('engine', "an engine, such as redisEngine({ url }) of 'fastify-wire/redis'", inspect(engine, { depth: 0 }))
  }
  return engine as Engine
}
