import t from 'tap'
import { memberEvent } from '../../lib/engine/nats-presence.js'

t.test('a record says what it reports', async (t) => {
  const record = { topic: 't', id: 'ann', info: '{}', holders: [], event: '-' }
  t.strictSame(memberEvent(Buffer.from(JSON.stringify(record))), { event: '-', member: { id: 'ann', info: '{}' } })
})
