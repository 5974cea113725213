import { connect } from '@nats-io/transport-node'
import t, { type Test } from 'tap'
import { natsEngine } from '../../lib/engine/nats.js'
import { natsProgram, startNats } from '../fixtures/nats-server.js'
import { engineContract } from './contract.js'
import { engineFaults } from './faults.js'
import { Recorder, publication, texts } from './recorder.js'

if (natsProgram === null && process.env.CI !== 'true') {
  t.plan(0, 'nats-server is not installed: apt-get install nats-server')
  process.exit()
}

const server = await startNats()
t.teardown(() => server.stop())

t.test('the NATS engine keeps the contract', async (t) => {
  engineContract((name, body) => t.test(name, body), {
    engine: () => natsEngine({ servers: server.url, maxPerTopic: 10_000 }),
    unreachable: () => natsEngine({ servers: 'nats://127.0.0.1:1', publishTimeout: 200 })
  })
})

t.test('NATS under faults', async (t) => {
  engineFaults((name, body) => t.test(name, body), {
    start: (persists) => startNats({ persists }), engine: (url) => natsEngine({ servers: url, maxPerTopic: 1_000_000 })
  })
})

const KEEP = { size: 100, ttl: 60_000 }

async function open (t: Test, options: Parameters<typeof natsEngine>[0]): Promise<{ engine: ReturnType<typeof natsEngine>, events: Recorder }> {
  const engine = natsEngine(options)
  const events = new Recorder()
  t.teardown(() => engine.close())
  await engine.open(events)
  return { engine, events }
}

t.test('a ready connection is used, and not closed', async (t) => {
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  const { engine, events } = await open(t, { connection, stream: 'own', prefix: 'own' })
  await engine.subscribe('ready')
  await engine.publish('ready', publication('a'), KEEP)
  t.strictSame(texts(await events.messages('ready', 1)), ['a'])
  await engine.close()
  t.equal(connection.isClosed(), false)
})

t.test('a message that the server cannot take rejects at once', async (t) => {
  const { engine } = await open(t, { servers: server.url })
  await t.rejects(engine.publish('big', publication(Buffer.alloc(2_000_000)), KEEP), { code: 'FST_WIRE_ENGINE_REFUSED' })
  t.ok((await engine.publish('big', publication('small'), KEEP)).cursor)
})

t.test('what was built up before the stream was lost is a gap, though its sequences come again', async (t) => {
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  const options = { servers: server.url, stream: 'lost', prefix: 'lost' }
  const before = await open(t, options)
  const start = await before.engine.subscribe('t')
  const { cursor } = await before.engine.publish('t', publication('a'), KEEP)
  await before.engine.close()
  await connection.request('$JS.API.STREAM.DELETE.lost')
  const { engine } = await open(t, options)
  t.equal((await engine.read('t', start, 10)).isGap, true)
  const again = await engine.publish('t', publication('b'), KEEP)
  t.equal(again.cursor.split('.')[0], cursor.split('.')[0])
  const page = await engine.read('t', cursor, 10)
  t.equal(page.isGap, true)
  t.strictSame(texts(page.messages), ['b'])
})

t.test('members that a server has lost join again', async (t) => {
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  const { engine, events } = await open(t, { servers: server.url, stream: 'members', prefix: 'members' })
  await engine.subscribe('t')
  await engine.presence!.join('t', { id: 'ann', info: '{}' }, 300)
  await connection.request('$JS.API.STREAM.PURGE.members-presence')
  t.strictSame(await events.presence('t', 2), ['+ann{}', '+ann{}'])
})

t.test('a join while the server is away is made good when it is back', async (t) => {
  const own = await startNats({ persists: true })
  t.teardown(() => own.stop())
  const { engine, events } = await open(t, { servers: own.url })
  await engine.subscribe('t')
  await own.kill()
  await events.reported('down', 1)
  await engine.presence!.join('t', { id: 'ann', info: '{}' }, 60_000)
  await t.rejects(engine.subscribe('new'), { code: 'FST_WIRE_ENGINE_DOWN' })
  await own.start()
  t.strictSame(await events.presence('t', 1), ['+ann{}'])
})

t.test('a stream that does not republish cannot be used', async (t) => {
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  await connection.request('$JS.API.STREAM.CREATE.foreign', JSON.stringify({ name: 'foreign', subjects: ['foreign.p.>'] }))
  const engine = natsEngine({ servers: server.url, stream: 'foreign', prefix: 'foreign' })
  t.teardown(() => engine.close())
  await t.rejects(engine.open(new Recorder()), { code: 'FST_WIRE_ENGINE_UNSUITABLE', message: /another name/ })
})

t.test('what makes no sense is refused', async (t) => {
  for (const options of [{ stream: 'a.b' }, { prefix: '*' }, { maxPerTopic: 0 }, { maxAge: 1.5 }, { replicas: -1 }, { publishTimeout: 0 }]) {
    t.throws(() => natsEngine(options), { code: 'FST_WIRE_OPTION' })
  }
})
