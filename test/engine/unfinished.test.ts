import t from 'tap'
import { Unfinished } from '../../lib/engine/unfinished.js'

t.test('a failed action is retried until it succeeds', async (t) => {
  const failed: string[] = []
  const unfinished = new Unfinished((key) => { failed.push(key) })
  let isDown = true
  let done = 0
  const action = async (): Promise<void> => {
    if (isDown) throw new Error('down')
    done++
  }
  await unfinished.attempt('a', action)
  unfinished.retry('a')
  unfinished.retry('unknown')
  await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(failed, ['a', 'a'])
  isDown = false
  unfinished.retryAll()
  unfinished.retryAll()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(done, 1)
})

t.test('a newer action replaces a failed one', async (t) => {
  const unfinished = new Unfinished()
  const done: string[] = []
  await unfinished.attempt('a', async () => { throw new Error('down') })
  await unfinished.attempt('a', async () => { done.push('newer') })
  unfinished.retryAll()
  t.strictSame(done, ['newer'])
})

t.test('an action that fails after close() rejects', async (t) => {
  const unfinished = new Unfinished()
  unfinished.close()
  await t.rejects(unfinished.attempt('a', async () => { throw new Error('closed') }), { message: 'closed' })
})
