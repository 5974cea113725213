import t, { type Test } from 'tap'
import { Deadlines } from '../../lib/socket/deadlines.js'
import { FakeClock } from '../fixtures/clock.js'

const setUp = (t: Test) => {
  const clock = new FakeClock(t)
  const expired: string[] = []
  const deadlines = new Deadlines<string>((item) => { expired.push(item) })
  return {
    timers: clock.timers,
    advance: (ms: number) => { clock.advance(ms) },
    expired,
    deadlines,
    back: (ms: number) => { clock.now -= ms }
  }
}

t.test('all deadlines expire in time, by one timer', async (t) => {
  const { timers, advance, expired, deadlines } = setUp(t)
  deadlines.add('b', 200)
  deadlines.add('c', 300)
  deadlines.add('a', 100)
  deadlines.add('a2', 100)
  t.equal(timers.size, 1)
  t.notOk([...timers.values()][0]!.isRef, 'it keeps no process alive')
  advance(99)
  t.same(expired, [])
  advance(1)
  t.same(expired, ['a', 'a2'])
  t.equal(timers.size, 1)
  advance(100)
  t.same(expired, ['a', 'a2', 'b'])
  advance(100)
  t.same(expired, ['a', 'a2', 'b', 'c'])
  t.equal(timers.size, 0)
})

t.test('a deleted deadline does not expire, and the last one removes the timer', async (t) => {
  const { timers, advance, expired, deadlines } = setUp(t)
  const a = deadlines.add('a', 100)
  const b = deadlines.add('b', 100)
  t.equal(a, b)
  const c = deadlines.add('c', 200)
  deadlines.delete('a', a)
  t.equal(timers.size, 1)
  advance(150)
  t.same(expired, ['b'])
  deadlines.delete('b', b)
  deadlines.delete('c', c)
  t.equal(timers.size, 0)
  advance(1_000)
  t.same(expired, ['b'])
  deadlines.add('d', 100)
  advance(100)
  t.same(expired, ['b', 'd'])
})

t.test('deadlines that are close together expire together, never late and little early', async (t) => {
  const { timers, advance, expired, deadlines } = setUp(t)
  const moments = new Set<number>()
  const delay = 3_600_000
  for (let i = 0; i < 10_000; i++) moments.add(deadlines.add(String(i), delay * (1 - 0.1 * i / 10_000)))
  t.ok(moments.size <= 512 * 0.1 + 2, String(moments.size))
  t.equal(timers.size, 1)
  t.ok(Math.max(...moments) <= 1_000 + delay)
  t.ok(Math.max(...moments) > 1_000 + delay * (1 - 1 / 256))
  t.ok(Math.min(...moments) > 1_000 + delay * (0.9 - 1 / 256))
  advance(delay)
  t.equal(expired.length, 10_000)
  t.equal(timers.size, 0)
})

t.test('a timer that fires early is set again', async (t) => {
  const { timers, advance, expired, deadlines, back } = setUp(t)
  deadlines.add('a', 100)
  const timer = [...timers.values()][0]!
  timers.clear()
  advance(100)
  back(1)
  timer.callback()
  t.same(expired, [])
  t.equal(timers.size, 1)
  advance(1)
  t.same(expired, ['a'])
})

t.test('an expiring deadline may add another, and delete one that is due', async (t) => {
  const { advance } = setUp(t)
  const seen: string[] = []
  const deadlines: Deadlines<string> = new Deadlines((item) => {
    seen.push(item)
    if (item === 'a') deadlines.add('b', 50)
    deadlines.delete(item, moment)
  })
  const moment = deadlines.add('a', 50)
  advance(50)
  advance(50)
  t.same(seen, ['a', 'b'])
})
