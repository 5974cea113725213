import { tagIn } from './cursor.js'
import type { Publication, TopicMessage } from './engine.js'
import { decodeEnvelope, encodeEnvelope } from './envelope.js'

const LINE_FEED = 10

/** An entry of a stream, as the server returns it. */
export type StreamEntry = readonly [id: Buffer, fields: readonly [name: Buffer, value: Buffer]]

/** Decodes an entry: tag LF prev LF envelope. */
export function decodeEntry ([id, [, value]]: StreamEntry): TopicMessage {
  const tagEnd = value.indexOf(LINE_FEED)
  const prevEnd = value.indexOf(LINE_FEED, tagEnd + 1)
  const tag = value.toString('latin1', 0, tagEnd)
  const prev = value.toString('latin1', tagEnd + 1, prevEnd)
  return decodeEnvelope(value, prevEnd + 1, `${id.toString('latin1')}.${tag}`, prev, tag)
}

/** A publication with the tag of its cursor. */
export interface Tagged {
  readonly publication: Publication
  readonly tag: string
}

/** Encodes messages for the script PUBLISH. Each message is: tag LF length of envelope LF envelope. */
export function encodeMessages (messages: readonly Tagged[]): Buffer {
  const parts: Buffer[] = []
  for (const { publication, tag } of messages) {
    const envelope = encodeEnvelope(publication, tag)
    parts.push(Buffer.from(`${tag}\n${envelope.length}\n`, 'latin1'), envelope)
  }
  return Buffer.concat(parts)
}

/**
 * Calls `take` for each message of an announcement. An announcement is: a letter, the predecessor of the first message,
 * LF, then for each message: cursor LF length of envelope LF envelope.
 */
export function decodeAnnounced (announcement: Buffer, take: (message: TopicMessage) => void): void {
  let at = announcement.indexOf(LINE_FEED) + 1
  let prev = announcement.toString('latin1', 1, at - 1)
  while (at < announcement.length) {
    const cursorEnd = announcement.indexOf(LINE_FEED, at)
    const lengthEnd = announcement.indexOf(LINE_FEED, cursorEnd + 1)
    const cursor = announcement.toString('latin1', at, cursorEnd)
    at = lengthEnd + 1 + Number(announcement.toString('latin1', cursorEnd + 1, lengthEnd))
    take(decodeEnvelope(announcement.subarray(0, at), lengthEnd + 1, cursor, prev, tagIn(cursor)))
    prev = cursor
  }
}
