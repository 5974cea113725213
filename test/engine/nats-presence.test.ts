import { headers } from '@nats-io/transport-node'
import t, { type Test } from 'tap'
import type { StreamConfig } from '../../lib/engine/jetstream.js'
import { memberEvent, NatsPresence } from '../../lib/engine/nats-presence.js'
import { timers } from '../../lib/timers.js'
import { FakeNats, WRONG_LAST_SEQUENCE } from '../fixtures/fake-nats.js'
import { turn } from '../fixtures/memory.js'

t.test('memberEvent() returns the event of a record', async (t) => {
  const record = { topic: 't', id: 'ann', info: '{}', holders: [], event: '-' }
  t.strictSame(memberEvent(Buffer.from(JSON.stringify(record))), { event: '-', member: { id: 'ann', info: '{}' } })
})

/** A presence over a server that answers as a test says, its timers and what it has published. */
async function setUp (t: Test) {
  const timeouts: Array<[delay: number, callback: () => void]> = []
  const intervals: Array<() => void> = []
  t.intercept(timers, 'setTimeout', {
    value: (callback: () => void, delay: number) => {
      timeouts.push([delay, callback])
      return { unref () {} }
    }
  })
  t.intercept(timers, 'setInterval', {
    value: (callback: () => void) => {
      intervals.push(callback)
      return { unref () { return this } }
    }
  })
  const nats = new FakeNats()
  const presence = new NatsPresence('p', { name: 's', subjects: [], storage: 'memory' } as unknown as StreamConfig)
  await presence.restore(nats.connection, headers)
  t.teardown(() => { presence.close() })
  const published = (): string[] =>
    nats.requests.map(([subject]) => subject).filter((subject) => subject.startsWith('p.'))
  return { nats, presence, timeouts, intervals, published }
}

t.test('a join that the server refuses temporarily is retried after half a second', async (t) => {
  const { nats, presence, timeouts, published } = await setUp(t)
  let failures = 1
  nats.answer = (subject) => {
    if (subject.startsWith('p.m.') && failures-- > 0) throw new Error('timeout')
    return undefined
  }
  await presence.join('t', { id: 'ann', info: '{}' }, 60_000)
  t.same(published().filter((subject) => subject.startsWith('p.m.')), ['p.m.t.ann'])
  t.equal(timeouts.length, 1)
  t.equal(timeouts[0]![0], 500)
  timeouts[0]![1]()
  while (published().filter((subject) => subject.startsWith('p.m.')).length < 2) await turn()
  await turn()
  t.equal(timeouts.length, 1, 'it is done')
})

t.test('a record that another process replaced meanwhile is read and written again', async (t) => {
  const { nats, presence, published } = await setUp(t)
  let conflicts = 1
  nats.answer = (subject) => subject.startsWith('p.m.') && conflicts-- > 0 ? WRONG_LAST_SEQUENCE : undefined
  await presence.join('t', { id: 'ann', info: '{}' }, 60_000)
  t.same(published().filter((subject) => subject.startsWith('p.m.')), ['p.m.t.ann', 'p.m.t.ann'])
})

t.test('a member without a record, or with other holders, leaves without an event', async (t) => {
  const { nats, presence, published } = await setUp(t)
  for (const record of [undefined, { topic: 't', id: 'ann', info: '{}', holders: ['another'], event: '+' }]) {
    await presence.join('t', { id: 'ann', info: '{}' }, 60_000)
    const before = published().length
    nats.answer = (subject) => {
      if (record === undefined || !subject.includes('.MSG.GET.')) return undefined
      return {
        message: { seq: 5, time: '2026-01-01T00:00:00Z', data: Buffer.from(JSON.stringify(record)).toString('base64') }
      }
    }
    await presence.leave('t', 'ann')
    t.equal(published().length, before)
  }
})

t.test('an expired lease is not renewed after close()', async (t) => {
  const { nats, presence, intervals, published } = await setUp(t)
  await presence.join('t', { id: 'ann', info: '{}' }, 60_000)
  let settle = (): void => {}
  nats.answer = () => new Promise((resolve) => { settle = () => { resolve(WRONG_LAST_SEQUENCE) } })
  const before = published().length
  intervals.at(-1)!()
  await turn()
  t.equal(published().length, before + 1, 'the renewal')
  presence.close()
  settle()
  await turn()
  t.equal(published().length, before + 1)
})

t.test('a pause of this process while it reads the leases does not make them expire', async (t) => {
  const { nats, intervals, published } = await setUp(t)
  const { now } = timers
  let time = 0
  let pause = 0
  timers.now = () => time
  t.teardown(() => { timers.now = now })
  const record = { topic: 't', id: 'ann', info: '{}', holders: ['other'], event: '+' }
  nats.answer = (_subject, body) => {
    const { subjects_filter: filter, last_by_subj: last } = body as { subjects_filter?: string, last_by_subj?: string }
    if (filter !== undefined) return { state: { subjects: { [filter === 'p.l.*' ? 'p.l.other' : 'p.m.t.ann']: 1 } } }
    if (last === undefined) return undefined
    time += pause
    const data = Buffer.from(last === 'p.l.other' ? '1000' : JSON.stringify(record)).toString('base64')
    return { message: { seq: 1, time: '2026-01-01T00:00:00Z', data } }
  }
  const look = async (): Promise<void> => {
    const before = nats.requests.length
    intervals[0]!()
    while (nats.requests.length < before + 2) await turn()
    await turn()
  }
  await look()
  time = 900
  pause = 5_000
  await look()
  t.strictSame(published(), [], 'the lease was not old when it was asked for')
  pause = 0
  await look()
  while (published().length === 0) await turn()
  t.strictSame(published(), ['p.m.t.ann'], 'now it is')
})
