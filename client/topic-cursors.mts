import type { ServerFrame } from '../lib/topics/frames.js'

/** The last cursor of each topic. */
export type Cursors = Map<string, string>

/**
 * Topics that are resuming: true between `resume` and `subscribed`, when messages are ignored, because the server
 * repeats them after `subscribed`; false from then until the first message.
 */
export type ResumingTopics = Map<string, boolean>

/** The head of a frame about a topic, checked by `readServerFrame()`, with all optional fields. */
export interface TopicFrame {
  readonly type: ServerFrame['type']
  readonly topic: string
  readonly cursor?: string
  readonly prev?: string
  isGap?: boolean
}

/**
 * Follows the chain of cursors of a topic.
 * @param resume called with the last cursor if a message is missing or repeated
 * @returns whether messages before the frame are lost; undefined if the frame is to be ignored
 */
export function follow (
  cursors: Cursors, resuming: ResumingTopics, { type, topic, cursor, prev }: TopicFrame,
  resume: (topics: Record<string, string>) => void
): boolean | undefined {
  const last = cursors.get(topic)
  const isResuming = resuming.get(topic)
  const isMessage = type === 'message'
  const isStart = type === 'subscribed'
  if (cursor === undefined) {
    if (type === 'unsubscribed') cursors.delete(topic)
    return false
  }
  // Ignore messages before `subscribed`, and repeated ones.
  if ((isResuming && !isStart) || (isMessage && cursor === last)) return
  const start = isMessage ? prev : isStart ? cursor : last
  const isBroken = last !== undefined && start !== last
  // Ask the server, unless this is its answer.
  if (isBroken && isResuming === undefined) {
    resume({ [topic]: last })
    return
  }
  cursors.set(topic, cursor)
  if (isStart) resuming.set(topic, false)
  else resuming.delete(topic)
  return isBroken
}
