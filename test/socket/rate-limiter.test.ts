import t, { type Test } from 'tap'
import { RateLimiter, type Rate } from '../../lib/socket/rate-limiter.js'
import { replaceTimers } from '../fixtures/clock.js'

const setUp = (t: Test, settings: Rate) => {
  let now = 5_000
  let timer: { callback: () => void, delay: number } | undefined
  replaceTimers(t, {
    setTimeout: (callback: () => void, delay: number) => (timer = { callback, delay }),
    clearTimeout: () => { timer = undefined },
    now: () => now
  })
  const told: unknown[] = []
  const bucket = new RateLimiter(settings, {
    throttle: () => { told.push('throttle') },
    unthrottle: () => { told.push('unthrottle') },
    close: (code, reason) => { told.push([code, reason]) }
  })
  const takeMany = (count: number): number => {
    let taken = 0
    for (let i = 0; i < count; i++) if (bucket.tryConsume()) taken++
    return taken
  }
  const fire = (): void => {
    const { callback } = timer!
    timer = undefined
    callback()
  }
  return { bucket, told, takeMany, fire, advance: (ms: number) => { now += ms }, delay: () => timer?.delay }
}

t.test('a burst may arrive at once, then messages at the rate', async (t) => {
  const { told, takeMany, advance, delay } = setUp(t, { rate: 10, burst: 5, pauses: false })
  t.equal(takeMany(5), 5)
  advance(200)
  t.equal(takeMany(2), 2)
  advance(1_000_000)
  t.equal(takeMany(5), 5, 'no more than a burst is saved up')
  advance(250)
  t.equal(takeMany(2), 2)
  advance(50)
  t.equal(takeMany(1), 1, 'half a token was kept')
  t.same(told, [])
  t.equal(delay(), undefined, 'no timer')
})

t.test('a long silence refills one burst, and no more', async (t) => {
  const { told, takeMany, advance } = setUp(t, { rate: 10, burst: 5, pauses: false })
  advance(1_000_000)
  t.equal(takeMany(6), 5)
  t.match(told, [[1008]])
})

t.test('policy "close" closes with 1008 and the limit, and delivers nothing more', async (t) => {
  const { told, takeMany, advance } = setUp(t, { rate: 10, burst: 5, pauses: false })
  t.equal(takeMany(7), 5)
  t.same(told, [[1008, 'message rate exceeded: at most 5 at once, 10 per second']])
  advance(60_000)
  t.equal(takeMany(1), 0)
  t.equal(told.length, 1)
})

t.test('policy "pause" delivers the last message, and then pauses until tokens are back', async (t) => {
  const { bucket, told, takeMany, advance, fire, delay } = setUp(t, { rate: 10, burst: 5, pauses: true })
  t.equal(takeMany(4), 4)
  t.same(told, [])
  t.ok(bucket.tryConsume())
  t.same(told, ['throttle'])
  t.equal(delay(), 100)
  advance(100)
  fire()
  t.same(told, ['throttle', 'unthrottle'])
  t.equal(delay(), undefined)
  t.ok(bucket.tryConsume())
  t.same(told, ['throttle', 'unthrottle', 'throttle'])
})

t.test('the pause at a high rate gives back several tokens, but no more than a burst', async (t) => {
  const high = setUp(t, { rate: 10_000, burst: 10_000, pauses: true })
  high.takeMany(10_000)
  t.equal(high.delay(), 50)
  const narrow = setUp(t, { rate: 10_000, burst: 20, pauses: true })
  narrow.takeMany(20)
  t.equal(narrow.delay(), 2)
})

t.test('a timer that fires early, or whose delay is too long for one timer, is set again', async (t) => {
  const early = setUp(t, { rate: 10, burst: 1, pauses: true })
  early.takeMany(1)
  early.advance(99)
  early.fire()
  t.same(early.told, ['throttle'])
  t.ok(early.delay()! <= 2)
  const slow = setUp(t, { rate: 1e-9, burst: 1, pauses: true })
  slow.takeMany(1)
  t.equal(slow.delay(), 2 ** 31 - 1)
})

t.test('a stopped limiter ends its pause and has no timer', async (t) => {
  const { bucket, told, takeMany, delay } = setUp(t, { rate: 10, burst: 2, pauses: true })
  bucket.stop()
  t.same(told, [])
  takeMany(2)
  bucket.stop()
  t.same(told, ['throttle', 'unthrottle'])
  t.equal(delay(), undefined)
  t.equal(takeMany(3), 0)
  t.match(told, ['throttle', 'unthrottle', [1008, String]])
})
