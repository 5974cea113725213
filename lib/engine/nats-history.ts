import type { HistoryPage, TopicMessage } from './engine.js'
import type { JetStream, StoredMessage } from './jetstream.js'
import { cursorAt, decodeStored, publishedAt, retentionOf, sequenceOf } from './nats-messages.js'

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

/**
 * Reads the message of a cursor and the messages after it, at most `limit`. If the message is no longer stored, the
 * server may have been restored from a backup, and newer messages may have smaller sequences.
 *
 * @param newest the sequence of the newest message
 */
export async function storedAfter (
  jetStream: JetStream, subject: string, cursor: string, limit: number, newest: number
): Promise<StoredMessage[]> {
  const sequence = sequenceOf(cursor)
  const stored = sequence > newest ? [] : await jetStream.from(subject, sequence, limit, newest)
  const time = publishedAt(cursor)
  const [first] = stored
  if (time === undefined || (first !== undefined && cursorAt(first.sequence, first.data) === cursor)) return stored
  const newer = await jetStream.from(subject, new Date(time), limit, newest)
  return (newer[0]?.sequence ?? Infinity) < (first?.sequence ?? Infinity) ? newer : stored
}
