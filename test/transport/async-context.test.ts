import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { currentContext, inCallersContext, ROOT_CONTEXT } from '../../lib/transport/async-context.js'

const storage = new AsyncLocalStorage<unknown>()

t.test('no context is kept if no storage has a store', async (t) => {
  t.equal(currentContext(), undefined)
  storage.run('a', () => {})
  t.equal(currentContext(), undefined)
})

t.test('a context has the stores of its creator', async (t) => {
  for (const store of [{ id: 1 }, 'text', 7, false, null]) {
    const context = storage.run(store, currentContext)
    t.equal(context?.runInAsyncScope(() => storage.getStore()), store)
  }
})

t.test('no storage has a store in the empty context', async (t) => {
  t.equal(storage.run('a', () => ROOT_CONTEXT.runInAsyncScope(() => storage.getStore())), undefined)
})

t.test('a callback runs in the context of the caller that passed it', async (t) => {
  const seen: unknown[] = []
  const bound = storage.run(
    'giver', () => inCallersContext((argument: number) => { seen.push(argument, storage.getStore()) })
  )
  storage.run('caller', () => { bound(1) })
  t.same(seen, [1, 'giver'])
})
