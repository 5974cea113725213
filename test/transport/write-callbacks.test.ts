import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { settleAll, WaitingCallback } from '../../lib/transport/write-callbacks.js'

const storage = new AsyncLocalStorage<string>()
const turn = () => new Promise((resolve) => { setImmediate(resolve) })

const setUp = () => {
  const calls: unknown[] = []
  let last: WaitingCallback | undefined
  const wait = (name: string): WaitingCallback => {
    const previous = last
    return (last = storage.run(name, () => new WaitingCallback((error) => {
      calls.push([
        name, storage.getStore(), error
      ])
    }, previous)))
  }
  return { calls, wait }
}

t.test('a callback whose bytes have left runs at the end of the tick, in the context of its caller', async (t) => {
  const { calls, wait } = setUp()
  const [a, b] = [wait('a'), wait('b')]
  storage.run('other', () => {
    a.settle(null)
    b.settle(null)
  })
  t.same(calls, [])
  await turn()
  t.same(calls, [['a', 'a', undefined], ['b', 'b', undefined]])
})

t.test('a callback that waits longer runs in the context of its caller, and not within settle()', async (t) => {
  const { calls, wait } = setUp()
  const a = wait('a')
  await turn()
  const error = new Error('broken')
  storage.run('other', () => { a.settle(error) })
  t.same(calls, [])
  await turn()
  t.same(calls, [['a', 'a', error]])
})

t.test('callbacks run in order, however long each has waited', async (t) => {
  const { calls, wait } = setUp()
  const early = [wait('a'), wait('b')]
  await turn()
  const late = [wait('c'), wait('d')]
  for (const callback of [...early, ...late]) callback.settle(null)
  await turn()
  t.same(calls.map((call) => (call as string[])[0]), ['a', 'b', 'c', 'd'])
})

t.test('all callbacks for the same bytes receive the same error, in order', async (t) => {
  const { calls, wait } = setUp()
  const error = new Error('gone')
  const all = [wait('a'), wait('b'), wait('c')]
  await turn()
  settleAll(all, error)
  t.same(calls, [])
  await turn()
  t.same(calls, [['a', 'a', error], ['b', 'b', error], ['c', 'c', error]])
})
