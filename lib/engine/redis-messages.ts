import { tagIn } from './cursor.js'
import { decodeEnvelope } from './envelope.js'
import type { TopicMessage } from './engine.js'

const LINE_FEED = 10

/** An entry of a stream as the server answers with it. */
export type StreamEntry = readonly [id: Buffer, fields: readonly [name: Buffer, value: Buffer]]

/** tag LF prev LF envelope */
export function decodeEntry ([id, [, value]]: StreamEntry): TopicMessage {
  const tagEnd = value.indexOf(LINE_FEED)
  const prevEnd = value.indexOf(LINE_FEED, tagEnd + 1)
  const tag = value.toString('latin1', 0, tagEnd)
  const prev = value.toString('latin1', tagEnd + 1, prevEnd)
  return decodeEnvelope(value, prevEnd + 1, `${id.toString('latin1')}.${tag}`, prev, tag)
}

/** As it is announced: a letter, cursor LF prev LF envelope */
export function decodeAnnounced (message: Buffer): TopicMessage {
  const cursorEnd = message.indexOf(LINE_FEED)
  const prevEnd = message.indexOf(LINE_FEED, cursorEnd + 1)
  const cursor = message.toString('latin1', 1, cursorEnd)
  const prev = message.toString('latin1', cursorEnd + 1, prevEnd)
  return decodeEnvelope(message, prevEnd + 1, cursor, prev, tagIn(cursor))
}
