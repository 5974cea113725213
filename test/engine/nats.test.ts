import { connect, headers } from '@nats-io/transport-node'
import t, { type Test } from 'tap'
import { natsEngine } from '../../lib/engine/nats.js'
import { natsProgram, startNats } from '../fixtures/nats-server.js'
import { engineContract } from './contract.js'
import { engineFaults } from './faults.js'
import { timers } from '../../lib/timers.js'
import { FakeNats } from '../fixtures/fake-nats.js'
import { TcpProxy } from '../fixtures/tcp-proxy.js'
import { turn } from '../fixtures/memory.js'
import { Recorder, publication, texts } from './recorder.js'

if (natsProgram === null && process.env.CI !== 'true') {
  t.plan(0, 'nats-server is not installed: apt-get install nats-server')
  process.exit()
}

const server = await startNats()
t.teardown(() => server.stop())

t.test('the NATS engine passes the engine contract', async (t) => {
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

async function open (
  t: Test, options: Parameters<typeof natsEngine>[0]
): Promise<{ engine: ReturnType<typeof natsEngine>, events: Recorder }> {
  const engine = natsEngine(options)
  const events = new Recorder()
  t.teardown(() => engine.close())
  await engine.open(events)
  return { engine, events }
}

/** A message as the stream has it: the line with its tag and its history, and an envelope without id and kind. */
const STORED = `t.tag 100 60000\n${'\0'.repeat(9)}x`

const mocks: { connect: () => Promise<unknown> } = { connect: async () => undefined }

/** The engine with another package in place of its own, whose connections are those of `mocks`. */
const mockNats = (t: Test): Promise<typeof import('../../lib/engine/nats.js')> =>
  t.mockImport('../../lib/engine/nats.js', { '@nats-io/transport-node': { connect: () => mocks.connect(), headers } })

t.test('a given connection is used, and not closed', async (t) => {
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  const { engine, events } = await open(t, { connection, stream: 'own', prefix: 'own' })
  await engine.subscribe('ready')
  await engine.publish('ready', publication('a'), KEEP)
  t.strictSame(texts(await events.messages('ready', 1)), ['a'])
  await engine.close()
  t.equal(connection.isClosed(), false)
})

t.test('publishing a message that the server cannot accept rejects at once', async (t) => {
  const { engine } = await open(t, { servers: server.url })
  await t.rejects(engine.publish('big', publication(Buffer.alloc(2_000_000)), KEEP), {
    code: 'FST_WIRE_ENGINE_REFUSED'
  })
  t.ok((await engine.publish('big', publication('small'), KEEP)).cursor)
})

t.test('cursors from before the loss of a stream are a gap, although its sequences repeat', async (t) => {
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
  t.equal(again.cursor.split('-')[0], cursor.split('-')[0])
  const page = await engine.read('t', cursor, 10)
  t.equal(page.isGap, true)
  t.strictSame(texts(page.messages), ['b'])
})

t.test('a cursor behind the newest message of a stream that was lost reads all of its messages', async (t) => {
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  const options = { servers: server.url, stream: 'shorter', prefix: 'shorter' }
  const before = await open(t, options)
  let after = ''
  for (const text of ['a', 'b', 'c']) after = (await before.engine.publish('t', publication(text), KEEP)).cursor
  await before.engine.close()
  await connection.request('$JS.API.STREAM.DELETE.shorter')
  const { engine } = await open(t, options)
  await engine.publish('t', publication('d'), KEEP)
  const { cursor } = await engine.publish('t', publication('e'), KEEP)
  const { messages, isGap, head } = await engine.read('t', after, 10)
  t.strictSame(texts(messages), ['d', 'e'])
  t.equal(isGap, true)
  t.equal(head, cursor)
})

/** Keeps the timers of other packages from firing until `release()`, and returns those that were not cleared. */
function holdTimers (): { release (): Array<{ delay: number, fire: () => void }> } {
  const { setTimeout: set, clearTimeout: clear } = globalThis
  const held = new Map<unknown, { delay: number, fire: () => void }>()
  const hold = (fire: () => void, delay = 0): NodeJS.Timeout => {
    if (delay < 1000) return set(fire, delay)
    const timer = set(() => {}, delay)
    clear(timer)
    held.set(timer, { delay, fire })
    return timer
  }
  const forget = (timer: NodeJS.Timeout): void => {
    held.delete(timer)
    clear(timer)
  }
  Object.assign(globalThis, { setTimeout: hold, clearTimeout: forget })
  return {
    release: () => {
      Object.assign(globalThis, { setTimeout: set, clearTimeout: clear })
      return [...held.values()]
    }
  }
}

t.test('a connection whose handshake stalls is given up within three seconds, and made anew', async (t) => {
  const proxy = new TcpProxy(server.port)
  const port = await proxy.listen()
  t.teardown(() => proxy.close())
  const engine = natsEngine({ servers: `127.0.0.1:${port}` })
  const events = new Recorder()
  t.teardown(() => engine.close())
  const stall = async (connect: () => unknown): Promise<boolean> => {
    proxy.isStalled = true
    const timers = holdTimers()
    const accepted = proxy.accepted()
    connect()
    await accepted
    proxy.isStalled = false
    const due = timers.release().filter(({ delay }) => delay <= 3000)
    for (const { fire } of due) fire()
    return t.ok(due.length > 0, 'something gives the handshake up')
  }
  let opening: Promise<void> | undefined
  const isFirstGivenUp = await stall(() => { opening = engine.open(events) })
  if (!isFirstGivenUp) return
  await opening
  await events.reported('ready', 1)
  const isLaterGivenUp = await stall(() => proxy.dropAll())
  if (!isLaterGivenUp) return
  await events.reported('ready', 2)
  t.strictSame(events.states, ['down', 'ready', 'down', 'ready'])
  t.ok((await engine.publish('stalled', publication('a'), KEEP)).cursor)
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

t.test('a join while the server is down is repeated when it is back', async (t) => {
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

t.test('a stream that does not republish is refused', async (t) => {
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  await connection.request('$JS.API.STREAM.CREATE.foreign', JSON.stringify({
    name: 'foreign', subjects: ['foreign.p.>']
  }))
  const engine = natsEngine({ servers: server.url, stream: 'foreign', prefix: 'foreign' })
  t.teardown(() => engine.close())
  await t.rejects(engine.open(new Recorder()), { code: 'FST_WIRE_ENGINE_UNSUITABLE', message: /another name/ })
})

t.test('invalid options are refused', async (t) => {
  for (const options of [
    { stream: 'a.b' }, { prefix: '*' }, { maxPerTopic: 0 }, { maxAge: 1.5 }, { replicas: -1 }, { publishTimeout: 0 }
  ]) {
    t.throws(() => natsEngine(options), { code: 'FST_WIRE_OPTION' })
  }
})

t.test('a message is sent again until it is accepted, unless the server refuses it', async (t) => {
  const nats = new FakeNats()
  const { engine } = await open(t, { connection: nats.connection })
  const replies: Array<object | string> = [
    '', { error: { code: 503, description: 'temporarily unavailable' } }, { seq: 7 }
  ]
  let tries = 0
  let inbox = ''
  nats.onPublish = (reply) => {
    if (++tries === 1) throw new Error('the connection closes')
    inbox = reply.slice(0, reply.lastIndexOf('.'))
    // One that nobody waits for any more.
    nats.deliver(`${inbox}.none`, { seq: 6 })
    nats.deliver(reply, replies.shift()!)
  }
  t.match((await engine.publish('t', publication('a'), KEEP)).cursor, /^7-/)
  t.equal(tries, 4)
  replies.push({ error: { code: 400, description: 'message size exceeds maximum allowed' } })
  await t.rejects(engine.publish('t', publication('b'), KEEP), {
    code: 'FST_WIRE_ENGINE_REFUSED', message: /exceeds maximum/
  })
  t.equal(tries, 5)
})

t.test('a second publication is answered with the cursor of the stored message, as long as it is stored', async (t) => {
  const nats = new FakeNats()
  const { engine } = await open(t, { connection: nats.connection })
  nats.onPublish = (reply) => { nats.deliver(reply, { seq: 7, duplicate: true }) }
  nats.answer = (subject, body) => {
    if (!subject.startsWith('$JS.API.STREAM.MSG.GET.')) return undefined
    t.strictSame(body, { seq: 7 })
    return { message: { seq: 7, time: '2026-01-01T00:00:00Z', data: Buffer.from(STORED).toString('base64') } }
  }
  const again = { ...publication('other text'), id: 'tag' }
  t.equal((await engine.publish('t', again, KEEP)).cursor, '7-t.tag')
  nats.answer = () => undefined
  t.match((await engine.publish('t', again, KEEP)).cursor, /^7-[a-z\d]{8}\.tag$/)
})

t.test('an error of JetStream is passed on, and a missing answer means that the engine is down', async (t) => {
  const nats = new FakeNats()
  const { engine } = await open(t, { connection: nats.connection })
  nats.answer = (subject) => subject.includes('.MSG.GET.')
    ? { error: { code: 500, err_code: 10023, description: 'insufficient resources' } }
    : undefined
  await t.rejects(engine.subscribe('t'), { message: 'insufficient resources', status: 500 })
  await t.rejects(engine.read('t', undefined, 10), { message: 'insufficient resources' })
  nats.answer = () => { throw new Error('timeout') }
  await t.rejects(engine.subscribe('t'), { code: 'FST_WIRE_ENGINE_DOWN' })
})

t.test('late messages of an unsubscribed topic, and messages from outside the stream, are ignored', async (t) => {
  const nats = new FakeNats()
  const { engine, events } = await open(t, { connection: nats.connection })
  const headers = { 'Nats-Sequence': '1', 'Nats-Last-Sequence': '0' }
  const joined = (id: string): object => ({ topic: 't', id, info: '', holders: ['x'], event: '+' })
  await engine.subscribe('t')
  nats.deliver('wire.d.t', STORED)
  t.equal(events.delivered('t').length, 0, 'without headers')
  await engine.unsubscribe('t')
  nats.deliver('wire.d.t', STORED, { headers })
  nats.deliver('wire.e.t.ann', joined('ann'))
  await engine.subscribe('t')
  nats.deliver('wire.e.t.bob', joined('bob'))
  t.strictSame(await events.presence('t', 1), ['+bob'])
  t.equal(events.delivered('t').length, 0)
  await engine.close()
  nats.deliver('wire.d.t', STORED, { headers })
  nats.deliver('wire.e.t.ann', joined('ann'))
  t.equal((await events.presence('t', 1)).length, 1)
})

t.test('the first message follows the initial cursor, even before the subscription is confirmed', async (t) => {
  const nats = new FakeNats()
  const { engine, events } = await open(t, { connection: nats.connection })
  const beginning = await engine.subscribe('empty')
  nats.answer = (subject) => {
    if (subject.includes('.MSG.GET.')) {
      nats.deliver('wire.d.t', STORED, { headers: { 'Nats-Sequence': '1', 'Nats-Last-Sequence': '0' } })
    }
    return undefined
  }
  await engine.subscribe('t')
  nats.deliver('wire.d.t', STORED, { headers: { 'Nats-Sequence': '2', 'Nats-Last-Sequence': '1' } })
  t.match(
    events.delivered('t'), [{ cursor: '1-t.tag', prev: beginning }, { cursor: '2-t.tag', prev: '1-t.tag' }],
    'the answer is older than the first message'
  )
})

/** The headers of a republished message. */
const republished = (sequence: number, last: number): { headers: Record<string, string> } =>
  ({ headers: { 'Nats-Sequence': String(sequence), 'Nats-Last-Sequence': String(last) } })

const stored = (tag: string): string => STORED.replace('tag', tag)

t.test('a message names its predecessor after the sequences of the stream began again', async (t) => {
  const nats = new FakeNats()
  const { engine, events } = await open(t, { connection: nats.connection })
  const beginning = await engine.subscribe('t')
  for (const [tag, sequence, last] of [['a', 6, 0], ['b', 7, 6], ['c', 1, 0], ['d', 2, 1], ['e', 3, 2]] as const) {
    nats.deliver('wire.d.t', stored(tag), republished(sequence, last))
  }
  t.strictSame(
    events.delivered('t').map(({ cursor, prev }) => [cursor, prev]),
    [['6-t.a', beginning], ['7-t.b', '6-t.a'], ['1-t.c', beginning], ['2-t.d', '1-t.c'], ['3-t.e', '2-t.d']]
  )
})

t.test('a member that leaves while the members are read is not listed', async (t) => {
  const nats = new FakeNats()
  const { engine } = await open(t, { connection: nats.connection })
  const stored: Record<string, object> = {
    'wire.m.t.ann': { topic: 't', id: 'ann', info: '1', holders: ['lease'], event: '+' },
    'wire.m.t.bob': { topic: 't', id: 'bob', info: '2', holders: [], event: '-' }
  }
  nats.answer = (subject, body) => {
    // The record of eve is removed before it is read.
    if (subject.startsWith('$JS.API.STREAM.INFO.')) {
      return { state: { subjects: { 'wire.m.t.ann': 1, 'wire.m.t.bob': 1, 'wire.m.t.eve': 1 } } }
    }
    const record = stored[String((body as { last_by_subj?: string }).last_by_subj)]
    if (record === undefined) return undefined
    const data = Buffer.from(JSON.stringify(record)).toString('base64')
    return { message: { seq: 1, time: '2026-01-01T00:00:00Z', data } }
  }
  t.strictSame(await engine.presence!.members('t'), [{ id: 'ann', info: '1' }])
})

t.test('a renewal that a broken connection left unanswered does not hold up the next one', async (t) => {
  const nats = new FakeNats()
  const { engine } = await open(t, { connection: nats.connection })
  const renewals: string[] = []
  nats.answer = (subject) => {
    if (subject.startsWith('wire.l.') && renewals.push(subject) === 1) return new Promise(() => {})
    return undefined
  }
  engine.presence!.join('t', { id: 'ann', info: '1' }, 30_000).catch(() => {})
  while (renewals.length === 0) await turn()
  nats.report('disconnect')
  nats.report('reconnect')
  while (renewals.length === 1) await turn()
  t.equal(renewals[1], renewals[0], 'the lease keeps its name')
})

t.test('a subscription reports what the server refuses, or that the engine is down or closed', async (t) => {
  const nats = new FakeNats()
  const { engine } = await open(t, { connection: nats.connection })
  nats.answer = (subject) => subject.startsWith('$JS.API.STREAM.MSG.GET.')
    ? { error: { code: 500, err_code: 1, description: 'broken' } }
    : undefined
  await t.rejects(engine.subscribe('t'), { message: 'broken' })
  nats.answer = () => { throw new Error('timeout') }
  await t.rejects(engine.subscribe('t'), { code: 'FST_WIRE_ENGINE_DOWN' })
  nats.answer = async () => {
    await engine.close()
    throw new Error('closed')
  }
  await t.rejects(engine.subscribe('t'), { code: 'FST_WIRE_ENGINE_CLOSED' })
})

t.test('a message that overtakes the answer to the subscription names its predecessor too', async (t) => {
  const nats = new FakeNats()
  const { engine, events } = await open(t, { connection: nats.connection })
  nats.answer = (subject) => {
    if (!subject.startsWith('$JS.API.STREAM.MSG.GET.')) return undefined
    nats.deliver('wire.d.t', stored('a'), republished(6, 5))
    nats.deliver('wire.d.t', stored('b'), republished(7, 6))
    const data = Buffer.from(stored('a')).toString('base64')
    return { message: { seq: 6, time: '2026-01-01T00:00:00Z', data } }
  }
  t.equal(await engine.subscribe('t'), '6-t.a')
  nats.deliver('wire.d.t', stored('c'), republished(8, 7))
  t.strictSame(events.delivered('t').map(({ cursor, prev }) => [cursor, prev]), [['7-t.b', '6-t.a'], ['8-t.c', '7-t.b']])
})

t.test('messages are delivered although a subscription has no answer', async (t) => {
  const nats = new FakeNats()
  const { engine, events } = await open(t, { connection: nats.connection })
  nats.answer = (subject) => {
    if (!subject.startsWith('$JS.API.STREAM.MSG.GET.')) return undefined
    nats.deliver('wire.d.t', stored('a'), republished(6, 5))
    throw new Error('timeout')
  }
  await t.rejects(engine.subscribe('t'))
  nats.deliver('wire.d.t', stored('b'), republished(7, 6))
  t.strictSame(events.delivered('t').map(({ cursor, prev }) => [cursor, prev]), [['6-t.a', '5.'], ['7-t.b', '6-t.a']])
})

t.test('a message names no predecessor from before its connection broke, because a lost stream repeats sequences',
  async (t) => {
    const nats = new FakeNats()
    const { engine, events } = await open(t, { connection: nats.connection })
    await engine.subscribe('t')
    nats.deliver('wire.d.t', stored('a'), republished(6, 0))
    nats.report('disconnect')
    nats.report('reconnect')
    await events.reported('ready', 2)
    nats.deliver('wire.d.t', stored('c'), republished(7, 6))
    nats.deliver('wire.d.t', stored('d'), republished(8, 7))
    t.strictSame(
      events.delivered('t').slice(1).map(({ cursor, prev }) => [cursor, prev]), [['7-t.c', '6.'], ['8-t.d', '7-t.c']]
    )
  })

t.test('a connection that is established after close() is closed, unless it was given', async (t) => {
  const given = new FakeNats()
  const engine = natsEngine({ connection: given.connection })
  const opening = engine.open(new Recorder())
  await engine.close()
  await opening
  t.equal(given.closed, 0)
  t.equal(given.callbacks.size, 0)
  const own = new FakeNats()
  let connected = (_connection: unknown): void => {}
  const asked = new Promise<void>((resolve) => {
    mocks.connect = () => {
      resolve()
      return new Promise((resolve) => { connected = resolve })
    }
  })
  const { natsEngine: create } = await mockNats(t)
  const late = create()
  const lateOpening = late.open(new Recorder())
  await asked
  await late.close()
  connected(own.connection)
  await lateOpening
  t.equal(own.closed, 1)
})

t.test('refused credentials make open() reject, an unreachable server is tried again', async (t) => {
  const { natsEngine: create } = await mockNats(t)
  mocks.connect = async () => { throw Object.assign(new Error('bad password'), { name: 'AuthorizationError' }) }
  await t.rejects(create().open(new Recorder()), { code: 'FST_WIRE_ENGINE_UNSUITABLE', message: /bad password/ })
  let tries = 0
  mocks.connect = async () => {
    if (++tries < 3) throw new Error('connection refused')
    return new FakeNats().connection
  }
  const engine = create()
  const events = new Recorder()
  t.teardown(() => engine.close())
  await engine.open(events)
  await events.reported('ready', 1)
  t.strictSame(events.states, ['down', 'ready'])
})

t.test('no attempt follows one that fails after close()', async (t) => {
  const delays: number[] = []
  const { setTimeout } = timers
  t.intercept(timers, 'setTimeout', {
    value: (callback: () => void, delay: number) => {
      delays.push(delay)
      return setTimeout(callback, 0)
    }
  })
  const nats = new FakeNats()
  let tries = 0
  let fail = (): void => {}
  const asked = new Promise<void>((resolve) => {
    nats.answer = () => {
      if (++tries === 1) throw new Error('not yet')
      resolve()
      return new Promise((_resolve, reject) => { fail = () => { reject(new Error('closed')) } })
    }
  })
  const engine = natsEngine({ connection: nats.connection })
  await engine.open(new Recorder())
  await asked
  await engine.close()
  fail()
  await turn()
  t.strictSame(delays, [100])
})

t.test('a stream that does not exist yet when the server is back is looked for again', async (t) => {
  const nats = new FakeNats()
  const { events } = await open(t, { connection: nats.connection })
  let tries = 0
  nats.answer = (subject) => {
    if (!subject.includes('.STREAM.CREATE.') || ++tries > 2) return undefined
    throw new Error('no responders')
  }
  nats.report('disconnect')
  nats.report('disconnect')
  nats.report('reconnect')
  await events.reported('ready', 2)
  t.strictSame(events.states, ['ready', 'down', 'ready'])
  nats.answer = (subject) => subject.includes('.STREAM.CREATE.') ? { config: {}, created: '' } : undefined
  const { length } = nats.requests
  nats.report('disconnect')
  nats.report('reconnect')
  await events.reported('down', 2)
  await turn()
  t.equal(nats.requests.length, length + 1, 'a stream that does not republish is not asked for again')
})

t.test('an error names the missing package of the connection', async (t) => {
  Object.defineProperty(mocks, 'connect', {
    configurable: true, enumerable: true, get: () => { throw new Error('Cannot find package') }
  })
  t.teardown(() => {
    Object.defineProperty(mocks, 'connect', {
      configurable: true, enumerable: true, writable: true, value: undefined
    })
  })
  const { natsEngine: create } = await t.mockImport<typeof import('../../lib/engine/nats.js')>(
    '../../lib/engine/nats.js', { '@nats-io/transport-node': mocks }
  )
  await t.rejects(create().open(new Recorder()), {
    code: 'FST_WIRE_ENGINE_PACKAGE', message: /@nats-io\/transport-node/, cause: { message: 'Cannot find package' }
  })
})

t.test('an engine that was closed cannot be opened again', async (t) => {
  const engine = natsEngine()
  await engine.close()
  await t.rejects(engine.open(new Recorder()), { code: 'FST_WIRE_ENGINE_USED' })
})
