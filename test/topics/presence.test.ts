import t from 'tap'
import { LocalPresence } from '../../lib/topics/presence.js'
import { stayAwake } from '../fixtures/awake.js'
import { createMemorySocket } from '../fixtures/memory.js'
import { ScriptedPresence } from '../fixtures/scripted-engine.js'

stayAwake(t)

const ada = { id: 'ada', info: '{"id":"ada"}' }
const ben = { id: 'ben', info: '{"id":"ben"}' }

function setUp (grace: number) {
  const engine = new ScriptedPresence()
  const failures: unknown[] = []
  const presence = new LocalPresence(engine, { lease: 30_000, grace }, (error) => { failures.push(error) })
  return { engine, failures, presence, first: createMemorySocket().socket, second: createMemorySocket().socket }
}

t.test('a member joins once, however many sockets it has, and leaves after the last one', async (t) => {
  const { engine, presence, first, second } = setUp(1)
  presence.join(first, '/a', ada)
  presence.join(second, '/a', ada)
  presence.leave(first)
  presence.leave(first)
  t.same(engine.calls, ['join /a ada 30000'])
  const left = engine.nextLeave()
  presence.leave(second)
  t.same(engine.calls, ['join /a ada 30000'], 'not before the grace is over')
  await left
  t.same(engine.calls, ['join /a ada 30000', 'leave /a ada'])
})

t.test('a member who comes back within the grace period neither leaves nor joins', async (t) => {
  const { engine, presence, first, second } = setUp(1)
  presence.join(first, '/a', ada)
  presence.join(first, '/a', ben)
  const left = engine.nextLeave()
  presence.leave(first)
  presence.join(second, '/a', ada)
  await left
  t.same(engine.calls, ['join /a ada 30000', 'join /a ben 30000', 'leave /a ben'])
})

t.test('members are joined again when the engine is back', async (t) => {
  const { engine, presence, first } = setUp(1_000)
  presence.join(first, '/a', ada)
  presence.rejoin()
  t.same(engine.calls, ['join /a ada 30000', 'join /a ada 30000'])
  presence.leave(first)
  presence.stop()
  presence.rejoin()
  t.equal(engine.calls.length, 2)
})

t.test('errors of the engine are reported', async (t) => {
  const { engine, failures, presence, first } = setUp(1)
  engine.failure = new Error('down')
  presence.join(first, '/a', ada)
  const left = engine.nextLeave()
  presence.leave(first)
  await left
  await Promise.resolve()
  t.match(failures, [{ message: 'down' }, { message: 'down' }])
})
