import t from 'tap'
import { nextTick, timers } from '../lib/timers.js'

t.test('timers and clock are those from before a test runner replaced them', async (t) => {
  for (const name of ['setTimeout', 'clearTimeout', 'setImmediate'] as const) {
    const before = globalThis[name]
    t.intercept(globalThis, name, { value: () => t.fail(`${name} is that of the test runner`) })
    t.equal(timers[name], before)
  }
  t.intercept(process, 'nextTick', { value: () => t.fail('nextTick is that of the test runner') })
  t.intercept(performance, 'now', { value: () => 0 })
  await new Promise<void>((resolve) => { nextTick(resolve) })
  t.ok(timers.now() > 0)
})
