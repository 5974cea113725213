import { inspect } from 'node:util'
import type { FastifyRequest } from 'fastify'
import type { Member } from '../engine/engine.js'
import { MemberInvalid, TopicNamesInvalid } from '../errors.js'
import type { MemberChoice, TopicSettings } from '../options/topics.js'
import { isThenable } from '../socket/thenable.js'
import type { TopicHub } from '../topics/hub.js'

/** The topics that a socket follows when it opens, and the member that it represents in them. */
export interface InitialTopics {
  readonly topics: readonly string[]
  readonly member: Member | undefined
}

const NO_INITIAL_TOPICS: InitialTopics = { topics: [], member: undefined }

/**
 * Defines the rules of a route's topics: for `topic: true` by the pattern of the URL, otherwise by name.
 * @param pattern one of the URLs of the route, with the prefix
 * @param write serializes a value by `schema.send` of the route
 */
export function defineTopics (
  hub: TopicHub, pattern: string, settings: TopicSettings, write: ((value: unknown) => string) | undefined
): void {
  const { topic } = settings
  const rules = { ...settings.rules, write }
  if (topic === true) {
    hub.rules.define(pattern, rules)
  } else if (topic !== undefined && typeof topic !== 'function') {
    for (const name of hub.readNames([topic].flat())) hub.rules.defineExact(name, rules)
  }
}

/**
 * Chooses the initial topics of a socket, after the hooks of its route have run.
 * @throws TopicInvalid, TopicNamesInvalid, TooManyTopics, MemberInvalid, and errors of the application's functions
 */
export function chooseTopics (
  hub: TopicHub, { topic, member: memberFor }: TopicSettings, request: FastifyRequest
): InitialTopics | Promise<InitialTopics> {
  if (topic === undefined) return NO_INITIAL_TOPICS
  const names = topic === true ? request.url : typeof topic === 'function' ? topic(request) : topic
  // An async function, because the promise of the names needs a handler also if `presence` throws.
  if (isThenable(names)) return resolveTopics(hub, names, (async () => memberFor?.(request))())
  const member = memberFor?.(request)
  return isThenable(member) ? resolveTopics(hub, names, member) : initialTopics(hub, names, member)
}

async function resolveTopics (
  hub: TopicHub, names: TopicNames | PromiseLike<TopicNames>, member: PromiseLike<MemberChoice>
): Promise<InitialTopics> {
  return initialTopics(hub, ...await Promise.all([names, member]))
}

type TopicNames = string | readonly string[]

function initialTopics (hub: TopicHub, names: TopicNames, member: MemberChoice): InitialTopics {
  const list: readonly unknown[] = [names].flat()
  if (!list.every((name) => typeof name === 'string')) throw new TopicNamesInvalid(inspect(names, { depth: 1 }))
  return { topics: hub.readNames(list), member: memberOf(member) }
}

function memberOf (member: MemberChoice): Member | undefined {
  if (member === undefined) return undefined
  const given: unknown = Object(member).id
  const id = typeof given === 'number' ? String(given) : given
  if (typeof id !== 'string' || id === '' || !id.isWellFormed()) throw new MemberInvalid()
  const json = toJson(member)
  const info = Object(JSON.parse(json)) as { id?: unknown }
  // The id of a class may be inherited, or left out by toJSON().
  return { id, info: info.id === id ? json : JSON.stringify({ ...info, id }) }
}

function toJson (member: object): string {
  try {
    const json: unknown = JSON.stringify(member)
    if (typeof json === 'string') return json
  } catch (error) {
    throw new MemberInvalid({ cause: error })
  }
  throw new MemberInvalid()
}
