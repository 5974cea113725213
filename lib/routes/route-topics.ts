import type { FastifyRequest } from 'fastify'
import type { Member } from '../engine/engine.js'
import { MemberInvalid } from '../errors.js'
import type { TopicSettings } from '../options/topics.js'
import { isThenable } from '../socket/thenable.js'
import type { LiveMember } from '../topics/frames.js'
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
    for (const name of [topic].flat()) hub.rules.defineExact(hub.readName(name), rules)
  }
}

/**
 * Chooses the initial topics of a socket, after the hooks of its route have run.
 * @throws TopicInvalid, MemberInvalid, and the errors of the application's functions
 */
export function chooseTopics (
  hub: TopicHub, { topic, member: memberFor }: TopicSettings, request: FastifyRequest
): InitialTopics | Promise<InitialTopics> {
  if (topic === undefined) return NO_INITIAL_TOPICS
  const names = topic === true ? request.url : typeof topic === 'function' ? topic(request) : topic
  // If both functions fail, nobody would handle the rejection of the first.
  const member = isThenable(names) ? callLater(memberFor, request) : memberFor?.(request)
  return isThenable(names) || isThenable(member)
    ? Promise.all([names, member]).then(([names, member]) => initialTopics(hub, names, member))
    : initialTopics(hub, names, member)
}

async function callLater (memberFor: TopicSettings['member'], request: FastifyRequest) {
  return memberFor?.(request)
}

function initialTopics (
  hub: TopicHub, names: string | readonly string[], member: LiveMember | undefined
): InitialTopics {
  return { topics: [names].flat().map((name) => hub.readName(name)), member: memberOf(member) }
}

function memberOf (member: LiveMember | undefined): Member | undefined {
  if (member === undefined) return undefined
  const id: unknown = Object(member).id
  if (typeof id === 'number') return memberOf({ ...member, id: String(id) })
  if (typeof id !== 'string' || id === '') throw new MemberInvalid()
  return { id, info: JSON.stringify(member) }
}
