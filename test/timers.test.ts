import t from 'tap'
import { nextTick, timers } from '../lib/timers.js'

t.test('timers and clock are those from before a test runner replaced them', async (t) => {
  for (const name of ['setTimeout', 'clearTimeout', 'setImmediate'] as const) {
    const before = globalThis[name]
    t.intercept(globalThis, name, { value: () => t.fail(`${name} is that of the test runner`) })
    t.equal(timers[name], before)
  }
  const { nextTick: original } = process
  const replaced: unknown[] = []
  // Node.js itself may use the one that is there.
  process.nextTick = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    replaced.push(callback)
    original(callback, ...args)
  }
  t.teardown(() => { process.nextTick = original })
  t.intercept(performance, 'now', { value: () => 0 })
  await new Promise<void>((resolve) => {
    const ours = (): void => {
      t.notOk(replaced.includes(ours), 'nextTick is that of the test runner')
      resolve()
    }
    nextTick(ours)
  })
  t.ok(timers.now() > 0)
})

t.test('timers are those of Node.js where the environment has others, as jsdom', async (t) => {
  const before = { setTimeout: globalThis.setTimeout, setImmediate: globalThis.setImmediate }
  t.intercept(globalThis, 'setTimeout', { value: () => 7 })
  t.intercept(globalThis, 'setImmediate', { value: undefined })
  const fresh = await t.mockImport<typeof import('../lib/timers.js')>('../lib/timers.js', {})
  t.match(fresh.timers, before)
})
