import { tagIn } from './cursor.js'
import type { HistoryPage, Retention, TopicMessage } from './engine.js'
import { decodeEnvelope } from './envelope.js'
import type { StoredMessage } from './jetstream.js'

const LINE_FEED = 10
const SPACE = 32

/**
 * Applies the size and ttl of the history to the stored messages. The stream itself does not know them.
 *
 * @param beginning the cursor of a topic without messages
 */
export function historyPage (
  stored: readonly StoredMessage[], newest: StoredMessage, after: string | undefined, limit: number, beginning: string
): HistoryPage {
  const head = cursorAt(newest.sequence, newest.data)
  const { size, ttl } = retentionOf(newest.data)
  const isOver = newest.time + ttl <= Date.now()
  const messages: TopicMessage[] = []
  let prev = after === beginning ? after : ''
  let isGap = after !== undefined && after !== beginning
  let wasDropped = false
  for (const [i, { sequence, time, behind, data }] of stored.entries()) {
    const cursor = cursorAt(sequence, data)
    if (cursor === after) isGap = false
    else {
      const next = stored[i + 1]
      if (isOver || behind >= size || (next !== undefined && time + retentionOf(data).ttl <= next.time)) {
        messages.length = 0
        wasDropped = true
      } else messages.push(decodeStored(data, cursor, prev))
    }
    prev = cursor
  }
  if (after === undefined) return { messages: messages.slice(-limit), isGap: false, head }
  return { messages: messages.slice(0, limit), isGap: isGap || wasDropped, head }
}

export function cursorAt (sequence: number | string, data: Buffer): string {
  return `${sequence}.${data.toString('latin1', 0, data.indexOf(SPACE))}`
}

function retentionOf (data: Buffer): Retention {
  const [, size, ttl] = data.toString('latin1', 0, data.indexOf(LINE_FEED)).split(' ')
  return { size: Number(size), ttl: Number(ttl) }
}

export function decodeStored (data: Buffer, cursor: string, prev: string): TopicMessage {
  return decodeEnvelope(data, data.indexOf(LINE_FEED) + 1, data.length, cursor, prev, tagIn(cursor))
}
