import t from 'tap'
import { TopicHub } from '../../lib/topics/hub.js'
import { TopicRuleBook } from '../../lib/topics/topic-rules.js'
import { DEFAULT_RETENTION, retentionOf, Topics } from '../../lib/topics/topics.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { ScriptedEngine, ScriptedPresence } from '../fixtures/scripted-engine.js'

async function setUp () {
  const presence = new ScriptedPresence()
  const engine = new ScriptedEngine(presence)
  const hub = new TopicHub(engine, new TopicRuleBook({ retention: DEFAULT_RETENTION, hasPresence: false }), {
    maxTopics: 3, maxTopicLength: 100, liveInterval: 60_000, unusedTopicTimeout: 60_000, lease: 30_000, grace: 0
  }, { state: () => {}, gap: () => {}, joined: () => {}, left: () => {}, failed: () => {} })
  await hub.open()
  t.teardown(() => hub.close())
  const failures: unknown[] = []
  let firsts = 0
  const topics = new Topics(hub, (error) => { failures.push(error) }, () => { firsts++ })
  const seen: Array<readonly [data: string, isBinary: boolean, kind: string]> = []
  await topics.subscribe('/a', (data, { isBinary, kind }) => { seen.push([data.toString(), isBinary, kind]) })
  return { engine, presence, hub, topics, seen, failures, firsts: () => firsts }
}

t.test('text is sent as text, bytes as binary, and other values as JSON', async (t) => {
  const { topics, seen } = await setUp()
  t.same(await topics.publish('/a', 'text'), { cursor: 'c1' })
  await topics.publish('/a', Buffer.from('buffer'), { kind: 'price' })
  await topics.publish('/a', new Uint8Array([65]))
  await topics.publish('/a', new Uint8Array([66]).buffer)
  await topics.publish('/a', { x: 1 })
  await topics.publish('/a', [1, 2])
  await topics.publish('/a', 7)
  await topics.publish('/a', null)
  await topics.publish('/a', Buffer.from('as text'), { binary: false })
  await topics.publish('/a', 'as bytes', { binary: true })
  t.same(seen, [
    ['text', false, ''], ['buffer', true, 'price'], ['A', true, ''], ['B', true, ''],
    ['{"x":1}', false, ''], ['[1,2]', false, ''], ['7', false, ''], ['null', false, ''],
    ['as text', false, ''], ['as bytes', true, '']
  ])
})

t.test('a publisher may turn off compression for a message', async (t) => {
  const { topics, engine } = await setUp()
  await topics.publish('/a', 'by default')
  await topics.publish('/a', 'text', { compress: false })
  await topics.publish('/a', { x: 1 }, { compress: false })
  const { messages } = await engine.read('/a', undefined, 3)
  t.strictSame(messages.map(({ isCompressible }) => isCompressible), [true, false, false])
})

t.test('unsupported values are refused', async (t) => {
  const { topics } = await setUp()
  await t.rejects(topics.publish('/a', undefined), { code: 'FST_WIRE_TOPIC_DATA', message: /type undefined cannot/ })
  await t.rejects(topics.publish('/a', () => {}), { code: 'FST_WIRE_TOPIC_DATA' })
  await t.rejects(topics.publish('/a', { x: 1 }, { binary: false }), { code: 'FST_WIRE_TOPIC_DATA' })
  await t.rejects(topics.publish('', 'x'), { code: 'FST_WIRE_TOPIC' })
  await t.rejects(topics.subscribe('', () => {}), { code: 'FST_WIRE_TOPIC' })
  await t.rejects(topics.history(''), { code: 'FST_WIRE_TOPIC' })
  await t.rejects(topics.members(''), { code: 'FST_WIRE_TOPIC' })
})

t.test('bytes that are not UTF-8 are not published as text, because each receiver would close', async (t) => {
  const { topics, engine } = await setUp()
  const socket = createMemorySocket().socket
  const bytes = Buffer.of(0xff)
  await t.rejects(topics.publish('/a', bytes, { binary: false }), { code: 'FST_WIRE_TEXT' })
  await t.rejects(topics.publishFrom(socket, '/a', bytes, { binary: false }), { code: 'FST_WIRE_TEXT' })
  t.notOk(engine.calls.some((call) => call.startsWith('publish')))
})

t.test('bytes are copied when publish() is called', async (t) => {
  const { topics, engine } = await setUp()
  const bytes = Buffer.from('first')
  const published = topics.publish('/a', bytes)
  bytes.fill('x')
  await published
  const { messages } = await engine.read('/a', undefined, 1)
  t.equal(messages[0]?.data.toString(), 'first')
})

t.test('a value is serialized once, by the schema of the route at the URL of the topic', async (t) => {
  const { topics, hub, seen } = await setUp()
  let writes = 0
  hub.rules.define('/:name', { write: (value) => `${++writes} ${typeof value}` })
  await topics.publish('/a', { x: 1 })
  await topics.publish('/a', 'text')
  await topics.publish('/a', 'as it is', { binary: false })
  t.same(seen.map(([data]) => data), ['1 object', '2 string', 'as it is'])
})

t.test('a publishing socket is excluded', async (t) => {
  const { topics, hub } = await setUp()
  const [me, other] = [createMemorySocket(), createMemorySocket()]
  for (const { socket } of [me, other]) hub.attach(socket, { topics: ['/a'] })
  await turn()
  await topics.publishFrom(me.socket, '/a', 'hello')
  await turn()
  t.equal(me.frames().length, 0)
  t.equal(other.frames().length, 1)
})

t.test('history() reads from a cursor, or the newest messages', async (t) => {
  const { topics } = await setUp()
  for (const text of ['one', 'two', 'three']) await topics.publish('/a', text)
  const { messages, cursor, isGap } = await topics.history('/a', { after: 'c1' })
  t.same(messages.map(({ data }) => data.toString()), ['two', 'three'])
  t.equal(cursor, 'c3')
  t.notOk(isGap)
  t.same((await topics.history('/a', { limit: 1 })).messages.map(({ cursor }) => cursor), ['c3'])
  t.equal((await topics.history('/a')).messages.length, 3)
})

t.test('topics without a route are defined by a pattern', async (t) => {
  const { topics, engine, presence } = await setUp()
  presence.all.set('/rooms/7 ada', { id: 'ada', info: '{"id":"ada"}' })
  topics.define('/rooms/:id', { history: { size: 5 }, presence: true })
  await topics.publish('/rooms/7', 'x')
  t.same(engine.retentions.at(-1), { size: 5, ttl: 60_000 })
  t.same(await topics.members('/rooms/7'), [{ id: 'ada' }])
  topics.define('/rooms/:id', {})
  await topics.publish('/rooms/7', 'x')
  t.same(engine.retentions.at(-1), DEFAULT_RETENTION)
  t.same(retentionOf({ ttl: 5 }), { size: 100, ttl: 5 })
  t.same(retentionOf(), DEFAULT_RETENTION)
  t.equal(topics.state, 'ready')
})

t.test('invalid arguments are refused with the valid values', async (t) => {
  const { topics } = await setUp()
  const code = 'FST_WIRE_TOPIC_ARGUMENT'
  for (const id of ['', 7, null]) await t.rejects(topics.publish('/a', 'x', { id: id as never }), { code })
  await t.rejects(topics.publish('/a', 'x', { kind: 7 as never }), {
    code, message: 'The argument options.kind of app.topics.publish() must be a string, not 7'
  })
  await t.rejects(topics.subscribe('/a', undefined as never), { code })
  for (const limit of [0, -1, 1.5, NaN, Infinity, '2' as never]) {
    await t.rejects(topics.history('/a', { limit }), { code, message: /whole number from 1 to 1000000/ })
  }
  for (const after of [null, 7]) await t.rejects(topics.history('/a', { after: after as never }), { code })
  await t.rejects(topics.history('/a', null as never), { code })
  await t.rejects(topics.history('/a', { affter: '' } as never), { code, message: /an object with "after", "limit"/ })
  for (const pattern of [undefined, '', 7]) t.throws(() => { topics.define(pattern as never, {}) }, { code })
  for (const definition of [
    undefined, null, 7, { histroy: {} }, { history: 7 }, { history: { size: -1 } }, { history: { ttl: 0 } },
    { history: { length: 1 } }, { presence: () => ({ id: 'ada' }) }
  ]) t.throws(() => { topics.define('/x', definition as never) }, { code })
})

t.test('a value that JSON cannot represent is refused with the reason', async (t) => {
  const { topics } = await setUp()
  await t.rejects(topics.publish('/a', { x: 1n }), {
    code: 'FST_WIRE_TOPIC_DATA', cause: { message: /BigInt/ }
  })
})

t.test('the first published message is reported once, unless its topic is invalid', async (t) => {
  const { topics, firsts } = await setUp()
  await t.rejects(topics.publish('', 'nowhere'), { code: 'FST_WIRE_TOPIC' })
  t.equal(firsts(), 0)
  await topics.publish('/a', 'one')
  await topics.publish('/a', 'two')
  t.equal(firsts(), 1)
})

t.test('rejections of asynchronous listeners are reported', async (t) => {
  const { topics, failures } = await setUp()
  topics.on('gap', async () => { throw new Error('of the listener') })
  topics.emit('gap', '/a', 'c1')
  await turn()
  t.match(failures, [{ message: 'of the listener' }])
})
