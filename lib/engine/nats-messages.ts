import { placeOf, tagIn, tagOf } from './cursor.js'
import type { Publication, Retention, TopicMessage } from './engine.js'
import { decodeEnvelope, envelopeSize, writeEnvelope } from './envelope.js'

const LINE_FEED = 10
const SPACE = 32
/** The place of a message, or the place of a topic without messages, which has no time. */
const PLACE = /^(\d{1,15})(?:-([a-z\d]{1,9}))?$/

/**
 * The part of a cursor that does not depend on the server: the time of publication, in base 36, and the tag. A stream
 * that was restored from a backup assigns sequences again; the time shows which of its messages are newer.
 */
export function stampOf (id: string): string {
  return `${Date.now().toString(36)}.${tagOf(id)}`
}

/** The cursor of a message: sequence-time.tag */
export const cursorOf = (sequence: number | string, stamp: string): string => `${sequence}-${stamp}`

/** Encodes a message for the stream: stamp, size and ttl of the history, LF, envelope. */
export function encodeStored (publication: Publication, stamp: string, { size, ttl }: Retention): Buffer {
  const line = `${stamp} ${size} ${ttl}\n`
  const tag = tagIn(stamp)
  const bytes = Buffer.allocUnsafe(line.length + envelopeSize(publication, tag))
  bytes.write(line, 'latin1')
  writeEnvelope(bytes, line.length, publication, tag)
  return bytes
}

export function decodeStored (data: Buffer, cursor: string, prev: string): TopicMessage {
  return decodeEnvelope(data, data.indexOf(LINE_FEED) + 1, data.length, cursor, prev, tagIn(cursor))
}

/** Returns the cursor of a stored message. */
export function cursorAt (sequence: number | string, data: Buffer): string {
  return cursorOf(sequence, data.toString('latin1', 0, data.indexOf(SPACE)))
}

export function retentionOf (data: Buffer): Retention {
  const [, size, ttl] = data.toString('latin1', 0, data.indexOf(LINE_FEED)).split(' ')
  return { size: Number(size), ttl: Number(ttl) }
}

/** Returns the sequence in a cursor; 0 if there is none. */
export const sequenceOf = (cursor: string): number => Number(PLACE.exec(placeOf(cursor))?.[1] ?? 0)

/** Returns the time in a cursor, in milliseconds since the epoch, or undefined if it has none. */
export function publishedAt (cursor: string): number | undefined {
  const time = PLACE.exec(placeOf(cursor))?.[2]
  return time === undefined ? undefined : Number.parseInt(time, 36)
}
