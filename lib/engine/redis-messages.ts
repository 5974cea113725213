import { tagIn } from './cursor.js'
import type { Publication, TopicMessage } from './engine.js'
import { decodeEnvelope, envelopeSize, writeEnvelope } from './envelope.js'

const LINE_FEED = 10
const ZERO = 48

/** An entry of a stream, as the server returns it. */
export type StreamEntry = readonly [id: Buffer, fields: readonly [name: Buffer, value: Buffer]]

/** Decodes an entry: tag LF prev LF envelope. */
export function decodeEntry ([id, [, value]]: StreamEntry): TopicMessage {
  const tagEnd = value.indexOf(LINE_FEED)
  const prevEnd = value.indexOf(LINE_FEED, tagEnd + 1)
  const tag = value.toString('latin1', 0, tagEnd)
  const prev = value.toString('latin1', tagEnd + 1, prevEnd)
  return decodeEnvelope(value, prevEnd + 1, value.length, `${id.toString('latin1')}.${tag}`, prev, tag)
}

/** A publication with the tag of its cursor. */
export interface Tagged {
  readonly publication: Publication
  readonly tag: string
}

/** Encodes messages for the script PUBLISH. Each message is: tag LF length of envelope LF envelope. */
export function encodeMessages (messages: readonly Tagged[]): Buffer {
  // The length of an envelope has at most 10 digits.
  let most = 0
  for (const { publication, tag } of messages) most += tag.length + 12 + envelopeSize(publication, tag)
  const bytes = Buffer.allocUnsafe(most)
  let at = 0
  for (const { publication, tag } of messages) {
    at += bytes.write(`${tag}\n${envelopeSize(publication, tag)}\n`, at, 'latin1')
    at = writeEnvelope(bytes, at, publication, tag)
  }
  return bytes.subarray(0, at)
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
    const cursor = announcement.toString('latin1', at, cursorEnd)
    at = cursorEnd + 1
    let length = 0
    for (let digit; (digit = announcement[at++]) !== LINE_FEED && digit !== undefined;) {
      length = length * 10 + digit - ZERO
    }
    const from = at
    at += length
    take(decodeEnvelope(announcement, from, at, cursor, prev, tagIn(cursor)))
    prev = cursor
  }
}
