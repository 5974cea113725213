import t from 'tap'
import { Publisher } from '../../lib/topics/publisher.js'
import { createMemorySocket } from '../fixtures/memory.js'
import { ScriptedEngine } from '../fixtures/scripted-engine.js'

const RETENTION = { size: 10, ttl: 1_000 }
const HELLO = { data: Buffer.from('hello'), isBinary: false, kind: 'k' }

async function setUp () {
  const engine = new ScriptedEngine()
  await engine.open({
    message: (_topic, { id }) => { ids.push(id) }, state: () => {}, joined: () => {}, left: () => {}
  })
  await engine.subscribe('/a')
  const ids: string[] = []
  return { engine, ids, publisher: new Publisher(engine), socket: createMemorySocket().socket }
}

t.test('each message has its own id, or a given one', async (t) => {
  const { ids, publisher, engine } = await setUp()
  t.same(await publisher.publish('/a', HELLO, RETENTION), { cursor: 'c1' })
  await publisher.publish('/a', HELLO, RETENTION)
  await publisher.publish('/a', HELLO, RETENTION, undefined, 'mine')
  t.not(ids[0], ids[1])
  t.equal(ids[2], 'mine')
  t.equal(publisher.published, 3)
  t.same(engine.retentions[0], RETENTION)
})

t.test('takeExcluded() returns the excluded socket of a message id once', async (t) => {
  const { ids, publisher, socket } = await setUp()
  t.equal(publisher.takeExcluded('/a', 'nothing'), undefined)
  await publisher.publish('/a', HELLO, RETENTION, socket)
  t.equal(publisher.takeExcluded('/a', 'another'), undefined)
  t.equal(publisher.takeExcluded('/a', ids[0]!), socket)
  t.equal(publisher.takeExcluded('/a', ids[0]!), undefined)
})

t.test('a message that is not accepted excludes no socket, and publish() rejects with the error', async (t) => {
  const { engine, publisher, socket } = await setUp()
  engine.failure = new Error('down')
  await t.rejects(publisher.publish('/a', HELLO, RETENTION, socket, 'x'), { message: 'down' })
  t.equal(publisher.takeExcluded('/a', 'x'), undefined)
  t.equal(publisher.published, 0)
})

t.test('an engine that throws, or returns no promise, is treated like any other', async (t) => {
  const { engine, publisher, socket } = await setUp()
  engine.publish = () => { throw new Error('broken') }
  await t.rejects(publisher.publish('/a', HELLO, RETENTION, socket, 'x'), { message: 'broken' })
  t.equal(publisher.takeExcluded('/a', 'x'), undefined)
  engine.publish = () => ({ cursor: 'c' }) as unknown as Promise<{ cursor: string }>
  t.same(await publisher.publish('/a', HELLO, RETENTION), { cursor: 'c' })
  await publisher.settled()
})

t.test('the number of exclusions for messages that never come back is bounded', async (t) => {
  const { engine, publisher, socket } = await setUp()
  engine.publish = async () => ({ cursor: 'c' })
  for (let i = 0; i <= 10_000; i++) await publisher.publish('/a', HELLO, RETENTION, socket, `x${i}`)
  t.equal(publisher.takeExcluded('/a', 'x0'), undefined)
  t.equal(publisher.takeExcluded('/a', 'x1'), socket)
})

t.test('settled() waits for pending messages', async (t) => {
  const { engine, publisher } = await setUp()
  await publisher.settled()
  let accept: (value: { cursor: string }) => void = () => {}
  engine.publish = () => new Promise((resolve) => { accept = resolve })
  const published = publisher.publish('/a', HELLO, RETENTION)
  let isSettled = false
  const settled = publisher.settled().then(() => { isSettled = true })
  await Promise.resolve()
  t.notOk(isSettled)
  accept({ cursor: 'c' })
  await published
  await settled
})
