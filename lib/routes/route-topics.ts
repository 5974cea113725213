import type { FastifyRequest } from 'fastify'
import type { Member } from '../engine/engine.js'
import { MemberInvalid } from '../errors.js'
import type { TopicSettings } from '../options/topics.js'
import type { LiveMember } from '../topics/frames.js'
import type { TopicHub } from '../topics/hub.js'

/** What a socket follows from the beginning, and whom it stands for. */
export interface Following {
  readonly topics: readonly string[]
  readonly member: Member | undefined
}

const NOTHING: Following = { topics: [], member: undefined }

/**
 * Has the rules of a route found by its topics: those of `topic: true` by the pattern of its URL, others by their names.
 * @param pattern of one of the route's URLs, with the prefix
 * @param write makes text of a value, by `schema.send` of the route
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
 * Chooses the topics of a socket, after the hooks of its route have run.
 * @throws TopicInvalid, MemberInvalid, and what the functions of the application throw
 */
export function chooseTopics (hub: TopicHub, { topic, member }: TopicSettings, request: FastifyRequest): Following | Promise<Following> {
  if (topic === undefined) return NOTHING
  const names = topic === true ? request.url : typeof topic === 'function' ? topic(request) : topic
  const who = member?.(request)
  return names instanceof Promise || who instanceof Promise
    ? Promise.all([names, who]).then(([names, who]) => followingOf(hub, names, who))
    : followingOf(hub, names, who)
}

function followingOf (hub: TopicHub, names: string | readonly string[], member: LiveMember | undefined): Following {
  return { topics: [names].flat().map((name) => hub.readName(name)), member: memberOf(member) }
}

function memberOf (member: LiveMember | undefined): Member | undefined {
  if (member === undefined) return undefined
  const id: unknown = Object(member).id
  if (typeof id === 'number') return memberOf({ ...member, id: String(id) })
  if (typeof id !== 'string' || id === '') throw new MemberInvalid()
  return { id, info: JSON.stringify(member) }
}
