import t from 'tap'
import type { EnginePresence } from '../../lib/engine/engine.js'
import { TopicHub, type HubSettings } from '../../lib/topics/hub.js'
import { TopicRuleBook } from '../../lib/topics/topic-rules.js'
import { Topics } from '../../lib/topics/topics.js'
import { stayAwake } from '../fixtures/awake.js'
import { createMemorySocket, turn, type MemorySocket } from '../fixtures/memory.js'
import { ScriptedEngine, ScriptedPresence } from '../fixtures/scripted-engine.js'

stayAwake(t)

const RULES = { retention: { size: 10, ttl: 1_000 }, hasPresence: true }

interface SetUp {
  settings?: Partial<HubSettings>
  presence?: EnginePresence | undefined
  engine?: ScriptedEngine
}

async function setUp ({ settings, presence, engine = new ScriptedEngine(presence) }: SetUp = {}) {
  const reports: string[] = []
  const hub = new TopicHub(engine, new TopicRuleBook(RULES), {
    maxTopics: 3,
    maxTopicLength: 100,
    liveInterval: 60_000,
    unusedTopicTimeout: 60_000,
    lease: 30_000,
    grace: 0,
    ...settings
  }, {
    state: (state, error) => { reports.push(`${state} ${error?.message ?? ''}`.trim()) },
    gap: (topic, cursor) => { reports.push(`gap ${topic} ${cursor}`) },
    joined: (topic, { id }) => { reports.push(`joined ${topic} ${id}`) },
    left: (topic, { id }) => { reports.push(`left ${topic} ${id}`) },
    failed: (error) => { reports.push(`failed ${(error as Error).message}`) }
  })
  await hub.open()
  t.teardown(() => hub.close())
  return { engine, hub, reports }
}

const textsOf = (peer: MemorySocket): string[] =>
  peer.frames().filter(({ opcode }) => opcode < 8).map(({ payload }) => payload.toString())

/** A live socket; what the client sends reaches the hub as from a route. */
function live (hub: TopicHub) {
  const peer = createMemorySocket()
  const frames = (): Array<Record<string, unknown> & { payload?: string }> => textsOf(peer).map((text) => {
    const [head, payload] = text.slice(1).split('\n')
    return payload === undefined ? JSON.parse(head!) : { ...JSON.parse(head!), payload }
  })
  const send = (frame: object | string): Buffer | undefined =>
    hub.receiveFrame(peer.socket, Buffer.from(typeof frame === 'string' ? frame : '\0' + JSON.stringify(frame)))
  return {
    peer, socket: peer.socket, frames, send, of: (type: string) => frames().filter((frame) => frame['type'] === type)
  }
}

const publish = (hub: TopicHub, topic: string, text: string) => hub.publish(topic, Buffer.from(text), false)

t.test('all sockets of a topic receive a message, and no others', async (t) => {
  const { hub, engine } = await setUp()
  const [first, second, other] = [createMemorySocket(), createMemorySocket(), createMemorySocket()]
  hub.attach(first.socket, { topics: ['/a'] })
  hub.attach(second.socket, { topics: ['/a'] })
  hub.attach(other.socket, { topics: ['/b'] })
  await turn()
  t.same(await publish(hub, '/a', 'hello'), { cursor: 'c1' })
  await turn()
  t.same([first, second, other].map(textsOf), [['hello'], ['hello'], []])
  t.same(hub.counts, { state: 'ready', topics: 2, subscriptions: 3, published: 1, delivered: 2, gaps: 0 })
  t.same(
    engine.calls.filter((call) => call.startsWith('subscribe')), ['subscribe /a', 'subscribe /b'],
    'one subscription a topic'
  )
})

t.test('an excluded publisher does not receive its own message', async (t) => {
  const { hub } = await setUp()
  const [me, other] = [createMemorySocket(), createMemorySocket()]
  for (const { socket } of [me, other]) hub.attach(socket, { topics: ['/a'] })
  await turn()
  await hub.publish('/a', Buffer.from('hello'), true, 'kind', me.socket)
  await turn()
  t.same([me, other].map(textsOf), [[], ['hello']])
  t.equal(other.frames()[0]?.opcode, 2)
})

t.test('a hixie socket receives no binary message', async (t) => {
  const { hub } = await setUp()
  const peer = createMemorySocket({ version: 'hixie-76' })
  hub.attach(peer.socket, { topics: ['/a'] })
  await turn()
  await hub.publish('/a', Buffer.from('hello'), true)
  t.equal(peer.socket.traffic.messagesSent, 0)
  await publish(hub, '/a', 'hello')
  t.equal(peer.socket.traffic.messagesSent, 1)
})

t.test('a message that one socket cannot carry reaches the others', async (t) => {
  const { hub } = await setUp()
  const old = createMemorySocket({ version: 'hixie-76' })
  const peer = createMemorySocket()
  hub.attach(old.socket, { topics: ['/a'] })
  hub.attach(peer.socket, { topics: ['/a'] })
  await turn()
  // Text that is not UTF-8.
  await hub.publish('/a', Buffer.of(0xff), false)
  await publish(hub, '/a', 'hello')
  await turn()
  t.equal(old.socket.traffic.messagesSent, 1)
  t.equal(peer.socket.traffic.messagesSent, 2)
  t.equal(hub.counts.delivered, 3)
})

t.test('a socket that has closed follows no more topics', async (t) => {
  const { hub } = await setUp()
  const { socket } = createMemorySocket()
  socket.terminate()
  await turn()
  t.equal(socket.readyState, socket.CLOSED)
  hub.detach(socket)
  await hub.subscribe(socket, '/a')
  t.same(hub.topicsOf(socket), [])
  t.match(hub.counts, { topics: 0, subscriptions: 0 })
})

t.test('a socket subscribes to topics, checks its subscriptions, and unsubscribes', async (t) => {
  const { hub } = await setUp()
  const peer = createMemorySocket()
  const { socket } = peer
  t.same(hub.topicsOf(socket), [])
  t.notOk(hub.isSubscribed(socket, '/a'))
  hub.unsubscribe(socket, '/a')
  await hub.subscribe(socket, '/a')
  await hub.subscribe(socket, '/a')
  t.ok(hub.isSubscribed(socket, '/a'))
  await hub.subscribe(socket, '/b')
  await hub.subscribe(socket, '/b')
  t.same(hub.topicsOf(socket), ['/a', '/b'])
  hub.unsubscribe(socket, '/a')
  hub.unsubscribe(socket, '/a')
  t.same(hub.topicsOf(socket), ['/b'])
  const single = createMemorySocket().socket
  await hub.subscribe(single, '/a')
  hub.unsubscribe(single, '/b')
  hub.unsubscribe(single, '/a')
  t.same(hub.topicsOf(single), [])
  await publish(hub, '/a', 'a')
  await publish(hub, '/b', 'b')
  await turn()
  t.same(textsOf(peer), ['b'])
  hub.detach(socket)
  t.same(hub.counts.subscriptions, 0)
})

t.test('a socket cannot follow more topics than the limit', async (t) => {
  const { hub } = await setUp()
  const { socket } = createMemorySocket()
  for (const name of ['/a', '/b', '/c']) await hub.subscribe(socket, name)
  await t.rejects(hub.subscribe(socket, '/d'), { code: 'FST_WIRE_TOPICS', message: /at most 3 topics/ })
  const { hub: strict } = await setUp({ settings: { maxTopics: 1 } })
  const { socket: other } = createMemorySocket()
  await strict.subscribe(other, '/a')
  await t.rejects(strict.subscribe(other, '/b'), { code: 'FST_WIRE_TOPICS' })
})

t.test('a topic that a socket may not follow anymore is not subscribed to', async (t) => {
  const { hub, engine } = await setUp({ settings: { maxTopics: 1 } })
  const { socket } = createMemorySocket()
  await hub.subscribe(socket, '/a')
  await t.rejects(hub.subscribe(socket, '/b'), { code: 'FST_WIRE_TOPICS' })
  t.same(engine.calls, ['subscribe /a'])
  t.equal(hub.counts.topics, 1)
})

t.test('a socket follows each initial topic once, and no more than the limit', async (t) => {
  const { hub } = await setUp()
  t.same(hub.readNames(['/a', '/a?b', '/%61', '/c']), ['/a', '/c'])
  t.throws(() => hub.readNames(['/a', '/b', '/c', '/d']), { code: 'FST_WIRE_TOPICS' })
})

t.test('the names of topics are read with their limit', async (t) => {
  const { hub } = await setUp()
  t.equal(hub.readName('/a?b'), '/a')
  t.throws(() => hub.readName('x'.repeat(101)), { code: 'FST_WIRE_TOPIC' })
})

t.test('a topic is dropped shortly after its last socket has left, unless another socket follows it', async (t) => {
  const { hub, engine } = await setUp({ settings: { unusedTopicTimeout: 5 } })
  const { socket } = createMemorySocket()
  await hub.subscribe(socket, '/a')
  hub.unsubscribe(socket, '/a')
  await hub.subscribe(socket, '/a')
  hub.unsubscribe(socket, '/a')
  const unsubscribed = new Promise<void>((resolve) => { engine.unsubscribe = async () => { resolve() } })
  await unsubscribed
  t.equal(hub.counts.topics, 0)
  engine.unsubscribe = async () => { throw new Error('down') }
  const { hub: second, engine: failing, reports } = await setUp({ settings: { unusedTopicTimeout: 5 } })
  const failed = new Promise<void>((resolve) => {
    failing.unsubscribe = async () => {
      resolve()
      throw new Error('down')
    }
  })
  await second.subscribe(socket, '/a')
  second.detach(socket)
  await failed
  await turn()
  t.match(reports, ['ready', 'failed down'])
})

t.test('a followed topic is kept when another topic is dropped', async (t) => {
  const { hub, engine } = await setUp({ settings: { unusedTopicTimeout: 5 } })
  const peer = createMemorySocket()
  await hub.subscribe(peer.socket, '/a')
  await hub.subscribe(peer.socket, '/b')
  hub.unsubscribe(peer.socket, '/b')
  const unsubscribed = new Promise<string>((resolve) => { engine.unsubscribe = async (name) => { resolve(name) } })
  t.equal(await unsubscribed, '/b')
  t.equal(hub.counts.topics, 1)
  await publish(hub, '/a', 'still here')
  await turn()
  t.same(textsOf(peer), ['still here'])
})

t.test('a failed subscription is not retried for a topic that was dropped meanwhile', async (t) => {
  const { hub, engine } = await setUp({ settings: { unusedTopicTimeout: 5 } })
  engine.events.state('down')
  engine.failure = new Error('no connection')
  const { socket } = createMemorySocket()
  hub.subscribe(socket, '/a').catch(t.error)
  await turn()
  hub.unsubscribe(socket, '/a')
  await new Promise<void>((resolve) => { engine.unsubscribe = async () => { resolve() } })
  t.equal(hub.counts.topics, 0)
  engine.failure = undefined
  engine.calls.length = 0
  engine.events.state('ready')
  await turn()
  t.same(engine.calls, [])
})

t.test('a subscription that fails while the hub closes is neither retried nor reported', async (t) => {
  const { hub, engine, reports } = await setUp()
  let fail = (): void => {}
  engine.subscribe = () => new Promise((_resolve, reject) => { fail = () => { reject(new Error('closed')) } })
  hub.subscribe(createMemorySocket().socket, '/a').catch(t.error)
  await hub.close()
  engine.subscribe = async () => t.fail('made again') as never
  fail()
  await turn()
  t.same(reports, ['ready'])
})

t.test('server code follows a topic until it unsubscribes', async (t) => {
  const { hub, reports } = await setUp()
  const seen: string[] = []
  const stop = await hub.listen('/a', (data) => { seen.push(String(data)) })
  const stopToo = await hub.listen('/a', () => { throw new Error('of the listener') })
  await publish(hub, '/a', 'one')
  stop()
  await publish(hub, '/a', 'two')
  stopToo()
  await publish(hub, '/a', 'three')
  t.same(seen, ['one'])
  t.match(reports, ['ready', 'failed of the listener', 'failed of the listener'])
})

t.test('each subscription of server code ends by itself, and once', async (t) => {
  const { hub } = await setUp()
  const seen: string[] = []
  const listener = (data: Buffer): void => { seen.push(String(data)) }
  const stop = await hub.listen('/a', listener)
  const stopSecond = await hub.listen('/a', listener)
  await publish(hub, '/a', 'twice')
  stop()
  await publish(hub, '/a', 'once')
  stopSecond()
  await hub.listen('/a', listener)
  stop()
  stopSecond()
  await publish(hub, '/a', 'still')
  t.same(seen, ['twice', 'twice', 'once', 'still'])
})

t.test('what a listener of server code rejects with is reported', async (t) => {
  const { hub, reports } = await setUp()
  await hub.listen('/a', async () => { throw new Error('of the listener') })
  await publish(hub, '/a', 'one')
  await turn()
  t.same(reports, ['ready', 'failed of the listener'])
})

t.test('server code follows no topic of a hub that is closed, or that closes meanwhile', async (t) => {
  const { hub, engine } = await setUp()
  engine.events.state('down')
  engine.subscribe = async () => { throw new Error('no connection') }
  const waiting = hub.listen('/a', () => {})
  await turn()
  hub.close()
  await t.rejects(waiting, { code: 'FST_WIRE_ENGINE_CLOSED' })
  await t.rejects(hub.listen('/a', () => {}), { code: 'FST_WIRE_ENGINE_CLOSED' })
  t.equal(hub.counts.topics, 0)
})

t.test('a socket that publishes is excluded from its message, not from one with the same id in another topic',
  async (t) => {
    const { hub, engine } = await setUp()
    const [first, second] = [createMemorySocket(), createMemorySocket()]
    for (const { socket } of [first, second]) hub.attach(socket, { topics: ['/a', '/b'] })
    await turn()
    engine.isPrompt = false
    await hub.publish('/a', Buffer.from('a'), false, '', first.socket, 'same id')
    await hub.publish('/b', Buffer.from('b'), false, '', second.socket, 'same id')
    for (const topic of ['/a', '/b']) {
      for (const message of (await engine.read(topic, undefined, 1)).messages) engine.deliver(topic, message)
    }
    await turn()
    t.same([first, second].map(textsOf), [['b'], ['a']])
  })

t.test('a live socket is greeted, sends its cursor, and receives missed and new messages', async (t) => {
  const { hub, engine } = await setUp()
  const client = live(hub)
  for (const text of ['one', 'two', 'three']) engine.acceptText('/a', text)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  await turn()
  t.match(client.frames(), [{ type: 'hello', heartbeat: 150_000 }], 'nothing comes before it has said where it is')
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  await turn()
  await publish(hub, '/a', 'four')
  await turn()
  t.match(client.frames().slice(1), [
    { type: 'subscribed', topic: '/a', cursor: 'c1', isGap: false },
    { type: 'message', topic: '/a', cursor: 'c2', prev: 'c1', payload: 'two' },
    { type: 'message', cursor: 'c3', payload: 'three' },
    { type: 'message', cursor: 'c4', prev: 'c3', payload: 'four' }
  ])
})

t.test('a live socket without a cursor receives new messages only', async (t) => {
  const { hub, engine } = await setUp()
  engine.acceptText('/a', 'before')
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: {} })
  await turn()
  await publish(hub, '/a', 'after')
  await turn()
  t.match(client.frames().slice(1), [
    { type: 'subscribed', cursor: 'c1', isGap: false }, { type: 'message', payload: 'after' }
  ])
})

t.test('a live socket resumes from recent messages without reading the history', async (t) => {
  const { hub, engine } = await setUp()
  await hub.listen('/a', () => {})
  for (const text of ['one', 'two', 'three']) await publish(hub, '/a', text)
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  await turn()
  t.same(client.of('message').map(({ payload }) => payload), ['two', 'three'])
  t.notMatch(engine.calls.join(), /read/)
})

t.test('a live socket receives a gap if its messages are lost', async (t) => {
  const { hub, engine } = await setUp()
  for (const text of ['one', 'two', 'three']) engine.acceptText('/a', text)
  engine.forget('/a', 1)
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a', '/b'], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'c1', '/b': 'of another history' } })
  await turn()
  t.match(client.of('subscribed'), [
    { topic: '/a', cursor: 'c2', isGap: true }, { topic: '/b', cursor: '', isGap: true }
  ])
  t.same(client.of('message').map(({ payload }) => payload), ['three'])
})

t.test('a live socket that is ahead of this process waits for the process', async (t) => {
  const { hub, engine } = await setUp()
  await hub.listen('/a', () => {})
  // Accepted elsewhere; the announcement has not arrived.
  for (const text of ['one', 'two']) engine.acceptText('/a', text)
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'c2' } })
  await turn()
  await publish(hub, '/a', 'three')
  await turn()
  t.match(client.frames().slice(1), [
    { type: 'subscribed', cursor: 'c2' }, { type: 'message', cursor: 'c3', prev: 'c2' }
  ])
})

t.test('a live socket that is ahead of an engine without data continues where the process is', async (t) => {
  const { hub, engine } = await setUp()
  await hub.listen('/a', () => {})
  engine.read = async () => ({ messages: [], isGap: false, head: 'elsewhere' })
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'elsewhere' } })
  await turn()
  t.match(client.of('subscribed'), [{ cursor: '', isGap: true }])
})

t.test('a live socket that reads a long history is not flooded, and joins after its last page', async (t) => {
  const { hub, engine } = await setUp()
  for (let i = 1; i <= 450; i++) engine.acceptText('/a', `m${i}`)
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  await hub.listen('/a', () => {})
  while (client.of('message').length < 449) await turn()
  await publish(hub, '/a', 'last')
  await turn()
  t.same(client.of('message').map(({ cursor }) => cursor), Array.from({ length: 450 }, (_, i) => `c${i + 2}`))
  t.equal(client.of('subscribed').length, 1)
})

t.test('a gap in the middle of a long history is a frame of its own', async (t) => {
  const { hub, engine } = await setUp()
  for (let i = 1; i <= 300; i++) engine.acceptText('/a', `m${i}`)
  const { read } = engine
  let reads = 0
  engine.read = async function (...args) {
    if (++reads === 2) this.forget('/a', 2)
    return read.apply(this, args)
  }
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  while (client.of('message').length < 202) await turn()
  t.match(client.of('gap'), [{ topic: '/a', cursor: 'c298' }])
  t.same(client.of('message').slice(-2).map(({ cursor }) => cursor), ['c299', 'c300'])
})

t.test('a live socket that resumes while the engine is down is up to date when it is back', async (t) => {
  const { hub, engine, reports } = await setUp()
  for (const text of ['one', 'two']) engine.acceptText('/a', text)
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: {} })
  await turn()
  engine.events.state('down')
  engine.failure = new Error('no connection')
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  await turn()
  t.equal(reports.at(-1), 'failed no connection')
  engine.failure = undefined
  engine.events.state('ready')
  await turn()
  t.match(client.of('message'), [{ cursor: 'c2', payload: 'two' }])
  t.equal(hub.counts.subscriptions, 1)
})

t.test('a live socket may request missed messages again', async (t) => {
  const { hub } = await setUp()
  const client = live(hub)
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: {} })
  await turn()
  await publish(hub, '/a', 'one')
  await publish(hub, '/a', 'two')
  client.send({ type: 'resume', topics: { '/a': 'c1', '/not-mine': 'c1' } })
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  client.send({ type: 'resume', topics: { '/not-mine': 'c1' } })
  await publish(hub, '/a', 'three')
  await turn()
  t.same(client.of('message').map(({ payload }) => payload), ['one', 'two', 'two', 'three'])
})

t.test('a live socket that leaves while it reads receives nothing more', async (t) => {
  for (const at of ['read', 'members'] as const) {
    const { hub, engine } = await setUp({ presence: new ScriptedPresence() })
    engine.acceptText('/a', 'one')
    engine.acceptText('/a', 'two')
    const client = live(hub)
    const leave = (): void => { hub.unsubscribe(client.socket, '/a') }
    const { read } = engine
    if (at === 'read') engine.read = async function (...args) { leave(); return read.apply(this, args) }
    else engine.presence!.members = async () => { leave(); return [] }
    hub.attach(client.socket, { topics: ['/a'], live: '' })
    client.send({ type: 'resume', topics: { '/a': 'c1' } })
    await turn()
    t.match(client.frames().slice(1), [{ type: 'unsubscribed', topic: '/a' }])
    t.equal(hub.counts.subscriptions, 0)
  }
})

t.test('a topic is free once a live client has left without a resume', async (t) => {
  const { hub } = await setUp()
  for (const leave of ['detach', 'unsubscribe'] as const) {
    const client = live(hub)
    hub.attach(client.socket, { topics: ['/a'], live: '' })
    await turn()
    t.equal(hub.counts.subscriptions, 1)
    if (leave === 'detach') hub.detach(client.socket)
    else hub.unsubscribe(client.socket, '/a')
    t.equal(hub.counts.subscriptions, 0, leave)
    hub.detach(client.socket)
    await turn()
    t.equal(hub.counts.subscriptions, 0, leave)
  }
})

t.test('subscribe() of a live client that leaves without a resume resolves', async () => {
  const { hub } = await setUp()
  const client = live(hub)
  hub.attach(client.socket, { topics: [], live: '' })
  const subscribed = hub.subscribe(client.socket, '/a')
  hub.detach(client.socket)
  await subscribed
})

t.test('a live client that misses messages while it is brought up to date may resume at once', async (t) => {
  const { hub, engine } = await setUp()
  for (const text of ['one', 'two', 'three', 'four']) engine.acceptText('/a', text)
  const client = live(hub)
  const { read } = engine
  let isFirst = true
  engine.read = async function (...args) {
    if (isFirst) client.send({ type: 'resume', topics: { '/a': 'c3' } })
    isFirst = false
    return read.apply(this, args)
  }
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  await turn()
  t.match(client.frames().slice(1), [
    { type: 'subscribed', cursor: 'c3', isGap: false }, { type: 'message', cursor: 'c4', prev: 'c3' }
  ])
  await publish(hub, '/a', 'five')
  await turn()
  t.equal(client.frames().at(-1)?.['cursor'], 'c5')
  t.equal(hub.counts.subscriptions, 1)
})

t.test('a live socket that leaves and follows again while it reads is greeted anew', async (t) => {
  const { hub, engine } = await setUp()
  for (const text of ['one', 'two']) engine.acceptText('/a', text)
  const client = live(hub)
  const { read } = engine
  let isFirst = true
  engine.read = async function (...args) {
    if (isFirst) {
      isFirst = false
      hub.unsubscribe(client.socket, '/a')
      hub.subscribe(client.socket, '/a')
    }
    return read.apply(this, args)
  }
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  await turn()
  t.match(client.frames().slice(1), [
    { type: 'unsubscribed', topic: '/a' }, { type: 'subscribed', cursor: 'c2', isGap: false }
  ])
  t.equal(client.frames().length, 3)
  t.equal(hub.counts.subscriptions, 1)
})

t.test('the first resume is remembered for later subscriptions, and no other', async (t) => {
  const { hub, engine } = await setUp()
  for (const topic of ['/a', '/b']) for (const text of ['one', 'two']) engine.acceptText(topic, text)
  const client = live(hub)
  hub.attach(client.socket, { topics: [], live: '' })
  client.send({ type: 'resume', topics: { '/a': 'c1' } })
  client.send({ type: 'resume', topics: { '/b': 'c3' } })
  await hub.subscribe(client.socket, '/a')
  await hub.subscribe(client.socket, '/b')
  await turn()
  t.match(client.of('subscribed'), [{ topic: '/a', cursor: 'c1' }, { topic: '/b', cursor: 'c4' }])
})

t.test('frames of a live client are handled, and forbidden frames close its socket', async (t) => {
  const { hub } = await setUp()
  const client = live(hub)
  hub.attach(client.socket, { topics: [], live: '' })
  t.equal(client.send({ type: 'ping' }), undefined)
  await turn()
  t.equal(client.of('ping').length, 1)
  t.equal(String(client.send('\0{"type":"send"}\n\0hidden')), '\0hidden')
  t.equal(client.send('\0nonsense'), undefined)
  t.equal(client.socket.readyState, 2)
  const plain = createMemorySocket()
  t.equal(hub.receiveFrame(plain.socket, Buffer.from('\0{"type":"ping"}')), undefined)
  t.equal(plain.socket.readyState, 2)
})

t.test('live sockets receive keep-alive frames', async () => {
  const { hub } = await setUp({ settings: { liveInterval: 5 } })
  const client = live(hub)
  hub.attach(client.socket, { topics: [], live: '' })
  while (client.of('ping').length < 2) await turn()
  hub.detach(client.socket)
})

t.test('a gap of a feed reaches live sockets and the observer', async (t) => {
  const { hub, engine, reports } = await setUp()
  const client = live(hub)
  const plain = createMemorySocket()
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  hub.attach(plain.socket, { topics: ['/a'] })
  client.send({ type: 'resume', topics: {} })
  await turn()
  engine.acceptText('/a', 'lost')
  const last = engine.acceptText('/a', 'kept')
  engine.forget('/a', 1)
  engine.deliver('/a', last)
  await turn()
  t.match(client.of('gap'), [{ topic: '/a', cursor: 'c1' }])
  t.same(textsOf(plain), ['kept'])
  t.same(reports, ['ready', 'gap /a c1'])
  t.equal(hub.counts.gaps, 1)
})

t.test('an engine that is back is asked for missed messages', async (t) => {
  const { hub, engine, reports } = await setUp()
  const peer = createMemorySocket()
  hub.attach(peer.socket, { topics: ['/a'] })
  await turn()
  engine.events.state('down', new Error('connection lost'))
  engine.events.state('down')
  t.equal(hub.state, 'down')
  engine.acceptText('/a', 'meanwhile')
  engine.events.state('ready')
  await turn()
  t.same(textsOf(peer), ['meanwhile'])
  t.same(reports, ['ready', 'down connection lost', 'ready'])
})

t.test('a failed subscription is retried when the engine is ready again', async (t) => {
  const { hub, engine, reports } = await setUp()
  engine.events.state('down')
  engine.failure = new Error('no connection')
  const peer = createMemorySocket()
  hub.attach(peer.socket, { topics: ['/a'] })
  await turn()
  t.same(reports, ['ready', 'down', 'failed no connection'])
  engine.failure = undefined
  engine.events.state('ready')
  await turn()
  await publish(hub, '/a', 'hello')
  await turn()
  t.same(textsOf(peer), ['hello'])
})

t.test('an engine that is down from the start is reported', async (t) => {
  const engine = new ScriptedEngine()
  engine.open = async (events) => { events.state('down', new Error('no connection')) }
  const { hub, reports } = await setUp({ engine })
  t.equal(hub.state, 'down')
  t.same(reports, ['down no connection'])
})

t.test('what fails while the engine is down is reported once', async (t) => {
  const { hub, engine, reports } = await setUp()
  const failure = new Error('no connection')
  for (let i = 0; i < 2; i++) {
    engine.events.state('down')
    engine.failure = failure
    for (let j = 0; j < 3; j++) hub.attach(createMemorySocket().socket, { topics: [`/${i}${j}`] })
    await turn()
    engine.failure = undefined
    engine.events.state('ready')
    await turn()
  }
  t.same(reports.filter((report) => report.startsWith('failed')), ['failed no connection', 'failed no connection'])
  t.equal(hub.counts.subscriptions, 6)
})

t.test('a history that cannot be read is read again when the engine is ready', async (t) => {
  const { hub, engine, reports } = await setUp()
  const peer = createMemorySocket()
  hub.attach(peer.socket, { topics: ['/a'] })
  await turn()
  engine.acceptText('/a', 'missed')
  engine.failure = new Error('no connection')
  engine.deliver('/a', engine.acceptText('/a', 'seen'))
  await turn()
  t.same(reports, ['ready', 'failed no connection'])
  t.same(textsOf(peer), [])
  engine.failure = undefined
  engine.events.state('down')
  engine.events.state('ready')
  await turn()
  t.same(textsOf(peer), ['missed', 'seen'])
})

t.test('members join and leave by events of the engine, and live sockets are notified', async (t) => {
  const presence = new ScriptedPresence()
  const { hub, engine, reports } = await setUp({ presence })
  const client = live(hub)
  const ada = { id: 'ada', info: '{"id":"ada","name":"Ada"}' }
  hub.attach(client.socket, { topics: ['/a'], member: ada, live: '' })
  client.send({ type: 'resume', topics: {} })
  await turn()
  t.match(client.of('subscribed'), [{ members: [{ id: 'ada', name: 'Ada' }] }])
  engine.events.joined('/a', { id: 'ben', info: '{"id":"ben"}' })
  engine.events.left('/a', { id: 'ben', info: '{"id":"ben"}' })
  engine.events.joined('/elsewhere', { id: 'cem', info: '{"id":"cem"}' })
  await turn()
  t.match([...client.of('join'), ...client.of('leave')], [{ member: { id: 'ben' } }, { member: { id: 'ben' } }])
  t.same(reports, ['ready', 'joined /a ben', 'left /a ben', 'joined /elsewhere cem'])
  t.same(await hub.readMembers('/a'), [{ id: 'ada', name: 'Ada' }])
  const left = presence.nextLeave()
  hub.detach(client.socket)
  await left
  presence.failure = new Error('down')
  hub.attach(createMemorySocket().socket, { topics: ['/a'], member: ada })
  await turn()
  t.equal(reports.at(-1), 'failed down')
})

t.test('a list of members that changes while it is read is read again', async (t) => {
  const presence = new ScriptedPresence()
  const { hub, engine } = await setUp({ presence })
  const client = live(hub)
  let reads = 0
  presence.members = async () => {
    if (++reads === 1) engine.events.joined('/a', { id: 'ben', info: '{"id":"ben"}' })
    return reads === 1 ? [] : [{ id: 'ben', info: '{"id":"ben"}' }]
  }
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: {} })
  await turn()
  t.match(client.of('subscribed'), [{ members: [{ id: 'ben' }] }])
})

t.test('members who changed while the engine was down join and leave when it is back', async (t) => {
  const presence = new ScriptedPresence()
  const { hub, engine, reports } = await setUp({ presence })
  const client = live(hub)
  presence.all.set('/a ben', { id: 'ben', info: '{"id":"ben"}' })
  hub.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: {} })
  await turn()
  engine.events.state('down')
  presence.all.delete('/a ben')
  presence.all.set('/a cem', { id: 'cem', info: '{"id":"cem"}' })
  engine.events.state('ready')
  await turn()
  t.match(client.of('join'), [{ member: { id: 'cem' } }])
  t.match(client.of('leave'), [{ member: { id: 'ben' } }])
  engine.events.state('down')
  presence.members = async () => { throw new Error('down again') }
  engine.events.state('ready')
  await turn()
  t.equal(reports.at(-1), 'failed down again')
})

t.test('a message accepted twice with the same id is delivered once', async (t) => {
  const { hub, engine } = await setUp()
  const peer = createMemorySocket()
  hub.attach(peer.socket, { topics: ['/a'] })
  await turn()
  for (let i = 0; i < 2; i++) engine.deliver('/a', engine.accept('/a', { id: 'same', data: Buffer.from('once') }))
  engine.deliver('/a', engine.acceptText('/a', 'then'))
  await turn()
  t.same(textsOf(peer), ['once', 'then'])
})

t.test('an excluded live publisher receives a chain without its own messages', async (t) => {
  const { hub } = await setUp()
  const [me, other] = [live(hub), live(hub)]
  for (const { socket, send } of [me, other]) {
    hub.attach(socket, { topics: ['/a'], live: '' })
    send({ type: 'resume', topics: {} })
  }
  await turn()
  const chainOf = ({ of }: typeof me) =>
    of('message').map(({ prev, cursor, payload }) => `${prev} ${cursor} ${payload}`)
  await hub.publish('/a', Buffer.from('of both'), false)
  await hub.publish('/a', Buffer.from('of me'), false, '', me.socket)
  await hub.publish('/a', Buffer.from('of me again'), false, '', me.socket)
  await hub.publish('/a', Buffer.from('of the other'), false, '', other.socket)
  await hub.publish('/a', Buffer.from('end'), false)
  await turn()
  t.same(chainOf(me), [' c1 of both', 'c1 c4 of the other', 'c4 c5 end'])
  t.same(chainOf(other), [' c1 of both', 'c1 c2 of me', 'c2 c3 of me again', 'c3 c5 end'])
})

t.test('a message repeated with another cursor after a loss is not sent to sockets that have it', async (t) => {
  const { hub, engine } = await setUp()
  const [first, second, third] = [live(hub), live(hub), live(hub)]
  hub.attach(first.socket, { topics: ['/a'], live: '' })
  first.send({ type: 'resume', topics: {} })
  await turn()
  engine.deliver('/a', engine.accept('/a', { id: 'x', data: Buffer.from('once') }))
  engine.forget('/a')
  engine.deliver('/a', engine.accept('/a', { id: 'x', data: Buffer.from('once') }))
  engine.deliver('/a', engine.acceptText('/a', 'next'))
  for (const [{ socket, send }, cursor] of [[second, 'c1'], [third, 'of another time']] as const) {
    hub.attach(socket, { topics: ['/a'], live: '' })
    send({ type: 'resume', topics: { '/a': cursor } })
  }
  await turn()
  await turn()
  const chainOf = ({ of }: typeof first) =>
    of('message').map(({ prev, cursor, payload }) => `${prev} ${cursor} ${payload}`)
  t.same(chainOf(first), [' c1 once', 'c1 c3 next'])
  t.same(chainOf(second), ['c1 c3 next'])
  t.same(chainOf(third), ['c1 c2 once', 'c2 c3 next'], 'but to those of whom it is not known')
})

t.test('a page that contains only repeated messages is skipped', async (t) => {
  const { hub, engine } = await setUp()
  const [first, second] = [live(hub), live(hub)]
  hub.attach(first.socket, { topics: ['/a'], live: '' })
  await turn()
  const ids = Array.from({ length: 300 }, (_, i) => `id ${i}`)
  for (const id of ids) engine.deliver('/a', engine.accept('/a', { id, data: Buffer.from(id) }))
  engine.forget('/a')
  for (const id of ids) engine.deliver('/a', engine.accept('/a', { id, data: Buffer.from(id) }))
  engine.deliver('/a', engine.acceptText('/a', 'next'))
  hub.attach(second.socket, { topics: ['/a'], live: '' })
  second.send({ type: 'resume', topics: { '/a': 'c300' } })
  while (second.of('message').length === 0) await turn()
  t.match(second.of('message'), [{ prev: 'c300', cursor: 'c601', payload: 'next' }])
  t.match(second.of('subscribed'), [{ cursor: 'c300', isGap: false }])
})

t.test('a live socket has the subprotocol of the application', async (t) => {
  const { hub } = await setUp()
  const client = live(hub)
  hub.attach(client.socket, { topics: [], live: 'chat.v1' })
  await turn()
  t.match(client.frames(), [{ type: 'hello', protocol: 'chat.v1' }])
  t.ok(hub.isLive(client.socket))
})

t.test('a topic has the presence of a route that follows it, where the engine tracks members', async (t) => {
  for (const presence of [new ScriptedPresence(), undefined]) {
    const { hub } = await setUp({ presence })
    hub.rules.define('/a', { hasPresence: false })
    const client = live(hub)
    const member = { id: 'ann', info: '{"id":"ann"}' }
    hub.attach(client.socket, { topics: ['/a'], hasPresence: true, member, live: '' })
    client.send({ type: 'resume', topics: {} })
    await turn()
    t.strictSame(client.of('subscribed')[0]?.['members'], presence && [{ id: 'ann' }])
    t.strictSame(await new Topics(hub, () => {}, () => {}).members('/a'), presence === undefined ? [] : [{ id: 'ann' }])
  }
})

t.test('a topic without presence has no members', async (t) => {
  const { hub } = await setUp()
  t.equal(hub.readMembers('/a'), undefined)
  const { hub: other } = await setUp({ presence: new ScriptedPresence() })
  other.rules.define('/a', { hasPresence: false })
  const client = live(other)
  other.attach(client.socket, { topics: ['/a'], live: '' })
  client.send({ type: 'resume', topics: {} })
  await turn()
  t.equal(client.of('subscribed')[0]?.['members'], undefined)
})

t.test('a subscription over the limit of topics is reported', async (t) => {
  const { hub, reports } = await setUp({ settings: { maxTopics: 1 } })
  hub.attach(createMemorySocket().socket, { topics: ['/a', '/b'] })
  await turn()
  t.match(reports[1], /failed A socket can follow at most 1 topics/)
})

t.test('a hub that closes waits for pending messages, and reports nothing more', async (t) => {
  const { hub, engine, reports } = await setUp()
  const peer = createMemorySocket()
  hub.attach(peer.socket, { topics: ['/a'] })
  await turn()
  let accept: (value: { cursor: string }) => void = () => {}
  engine.publish = () => new Promise((resolve) => { accept = resolve })
  const published = publish(hub, '/a', 'last')
  const closed = hub.close()
  await turn()
  t.notMatch(engine.calls, ['close'])
  accept({ cursor: 'c1' })
  await published
  await closed
  t.equal(engine.calls.at(-1), 'close')
  engine.events.state('down')
  engine.deliver('/a', engine.acceptText('/a', 'late'))
  t.same(reports, ['ready'])
  t.same(textsOf(peer), [])
})
