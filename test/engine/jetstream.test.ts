import type { Msg } from '@nats-io/transport-node'
import t from 'tap'
import { JetStream, JetStreamError, type StoredMessage, type StreamConfig } from '../../lib/engine/jetstream.js'
import { FakeClock } from '../fixtures/clock.js'
import { FakeNats } from '../fixtures/fake-nats.js'

t.test('a JetStreamError has the status and code of the answer', async (t) => {
  t.match(new JetStreamError({ code: 404, err_code: 10037, description: 'no message found' }), {
    status: 404, code: 10037, message: 'no message found'
  })
  t.match(new JetStreamError({ code: 503, description: 'unavailable' }), { status: 503, code: 0 })
})

t.test('an existing stream is used, and any other error rejects', async (t) => {
  const nats = new FakeNats()
  const jetStream = new JetStream(nats.connection, 's')
  const config = { name: 's' } as StreamConfig
  nats.answer = (subject) => subject.includes('.CREATE.')
    ? { error: { code: 400, err_code: 10058, description: 'stream name already in use' } }
    : { config, created: 'c' }
  t.match(await jetStream.ensureStream(config), { config, created: 'c' })
  nats.answer = () => ({ error: { code: 503, err_code: 10023, description: 'insufficient resources' } })
  await t.rejects(jetStream.ensureStream(config), { status: 503, code: 10023 })
})

/** Reads what a stream delivers, under reply subjects that a server gives. */
const read = async (...deliveries: Array<Error | string>): Promise<StoredMessage[]> => {
  const nats = new FakeNats()
  nats.answer = (subject, body) => {
    if (!subject.includes('CONSUMER.CREATE')) return undefined
    const inbox = (body as { config: { deliver_subject: string } }).config.deliver_subject
    setImmediate(() => {
      for (const delivery of deliveries) {
        if (typeof delivery === 'string') nats.deliver(inbox, 'data', { reply: delivery })
        else nats.callbacks.get(inbox)!(delivery, {} as Msg)
      }
    })
    return { name: 'consumer', num_pending: deliveries.length, delivered: { consumer_seq: 0 } }
  }
  return await new JetStream(nats.connection, 's').from('subject', 0, Infinity, 42)
}

t.test('a delivery is decoded with and without a domain and an account', async (t) => {
  const messages = await read(
    '$JS.ACK.s.consumer.1.41.1.1700000000123456789.1',
    '$JS.ACK.domain.account.s.consumer.1.42.2.1700000000456456789.0.random'
  )
  t.match(messages, [
    { sequence: 41, time: 1_700_000_000_123, behind: 1 }, { sequence: 42, time: 1_700_000_000_456, behind: 0 }
  ])
  t.equal(String(messages[0]?.data), 'data')
})

t.test('a read goes on although the server counts nothing pending, until it has the last message', async (t) => {
  const messages = await read(
    '$JS.ACK.s.consumer.1.41.1.1700000000123456789.0', '$JS.ACK.s.consumer.1.42.2.1700000000456456789.0'
  )
  t.match(messages, [{ sequence: 41 }, { sequence: 42 }])
})

t.test('a read whose last message was removed ends when the server has nothing more to send', async (t) => {
  const clock = new FakeClock(t)
  const nats = new FakeNats()
  const pending = [1, 0]
  nats.answer = (subject) => {
    if (subject.includes('CONSUMER.INFO')) return { num_pending: pending.shift(), delivered: { consumer_seq: 0 } }
    return { name: 'consumer', num_pending: 1, delivered: { consumer_seq: 0 } }
  }
  const reading = new JetStream(nats.connection, 's').from('subject', 0, Infinity, 42)
  await clock.fireNext()
  await clock.fireNext()
  t.strictSame(await reading, [])
  t.equal(pending.length, 0)
})

t.test('a failed delivery rejects the read with its error', async (t) => {
  await t.rejects(read(new Error('permissions violation')), { message: 'permissions violation' })
})

t.test('the newest message of each subject is read, however many pages the server needs to list the subjects',
  async (t) => {
    const nats = new FakeNats()
    const pages = [{ 's.a': 1, 's.b': 1 }, { 's.c': 1 }]
    const offsets: unknown[] = []
    nats.answer = (subject, body) => {
      if (subject === '$JS.API.STREAM.INFO.s') {
        t.match(body, { subjects_filter: 's.*' })
        offsets.push((body as { offset: number }).offset)
        return { state: { subjects: pages.shift() }, total: 3 }
      }
      const name = (body as { last_by_subj: string }).last_by_subj
      return { message: { seq: 1, time: '2026-01-01T00:00:00Z', data: Buffer.from(name).toString('base64') } }
    }
    const jetStream = new JetStream(nats.connection, 's')
    const newest = async (): Promise<string[]> => (await jetStream.newestOfEach('s.*')).map(({ data }) => String(data))
    t.strictSame(await newest(), ['s.a', 's.b', 's.c'])
    t.strictSame(offsets, [0, 2])
    t.strictSame(await newest(), [], 'the server lists nothing although it counts something')
  })
