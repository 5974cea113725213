import t from 'tap'
import type { JetStream, StoredMessage } from '../../lib/engine/jetstream.js'
import { storedAfter } from '../../lib/engine/nats-history.js'

const HOUR = 3_600_000
const NOW = Date.parse('2026-01-01T12:00:00Z')

/** A stream with messages of these sequences, all stored now. */
function streamOf (...sequences: number[]): JetStream {
  const stored = sequences.map((sequence) => (
    { subject: 's', sequence, time: NOW, behind: 0, data: Buffer.from(`t.${sequence} 1 1\n`) }
  ))
  const from = async (_subject: string, start: number | Date): Promise<StoredMessage[]> => (
    stored.filter(({ sequence, time }) => typeof start === 'number' ? sequence >= start : time >= start.getTime())
  )
  return { from } as unknown as JetStream
}

const sequencesAfter = async (stream: JetStream, cursor: string): Promise<number[]> => (
  (await storedAfter(stream, 's', cursor, 10, 6)).map(({ sequence }) => sequence)
)

const cursor = (sequence: number, time: number): string => `${sequence}-${time.toString(36)}.tag`

t.test('a cursor whose message is stored reads from that message on', async (t) => {
  t.strictSame(await sequencesAfter(streamOf(4, 5, 6), '5-t.5'), [5, 6])
})

t.test('a cursor whose message was removed reads what has a larger sequence', async (t) => {
  t.strictSame(await sequencesAfter(streamOf(5, 6), cursor(4, NOW - HOUR)), [5, 6])
})

t.test('a cursor from before a restoration reads what was stored since, whatever its sequence', async (t) => {
  t.strictSame(await sequencesAfter(streamOf(5, 6), cursor(6, NOW - HOUR)), [5, 6])
  t.strictSame(await sequencesAfter(streamOf(5, 6), cursor(9, NOW - HOUR)), [5, 6])
})

t.test('a time ahead of the clock of the server adds nothing to what the sequence says', async (t) => {
  t.strictSame(await sequencesAfter(streamOf(5, 6), cursor(4, NOW + HOUR)), [5, 6])
  t.strictSame(await sequencesAfter(streamOf(5, 6), cursor(9, NOW + HOUR)), [])
})
