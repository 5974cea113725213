import t from 'tap'
import { createBench, openPage, sleep, stopClock } from '../fixtures/fake-websocket.js'

t.test('a connection that is silent for longer than the heartbeat of the server', async (t) => {
  t.test('is closed', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.ws.greet({ heartbeat: 1000 })
    tick(900)
    bench.ws.frame({ type: 'ping' })
    tick(999)
    t.same(bench.events, ['open'])
    tick(1)
    t.same(bench.events, ['open', 'reconnecting 1006 silent 1 500'])
    t.equal(bench.ws.closes.length, 1)
  })

  t.test('is pinged first if the timer was late, because the machine slept or the page was throttled', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.ws.greet({ heartbeat: 10_000 })
    sleep(60_000)
    tick(1)
    t.same(bench.ws.frames.slice(1), [{ type: 'ping' }])
    tick(4999)
    bench.ws.frame({ type: 'ping' })
    tick(9999)
    t.same(bench.events, ['open'])
    sleep(60_000)
    tick(1)
    t.equal(bench.ws.frames.length, 3)
    tick(5000)
    t.same(bench.events, ['open', 'reconnecting 1006 silent 1 500'])
  })

  t.test('is not detected if the server promises no heartbeat', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.ws.greet()
    tick(80_000_000)
    t.same(bench.events, ['open'])
  })
})

t.test('in a browser', async (t) => {
  t.test('a waiting socket connects soon after the network is back or the page is visible', async (t) => {
    const tick = stopClock(t)
    for (const type of ['online', 'visibilitychange']) {
      const page = openPage(t)
      const bench = createBench(t, { minBackoff: 100 })
      const { connections } = bench
      bench.ws.greet().end()
      for (const delay of [50, 100, 200, 400]) {
        tick(delay)
        bench.ws.fail()
      }
      t.equal(bench.events.at(-1), 'reconnecting 1006 5 800')
      page.signal('offline')
      page.isHidden = true
      page.signal('visibilitychange')
      tick(100)
      t.equal(connections.length, 5, 'not for other reasons')
      page.isHidden = false
      page.signal(type)
      t.equal(connections.length, 5, 'not all at the same moment')
      tick(50)
      t.equal(connections.length, 6, type)
    }
  })

  t.test('a waiting socket does not connect before the time that the server asked for', async (t) => {
    const tick = stopClock(t)
    const page = openPage(t)
    const bench = createBench(t)
    bench.ws.greet().end(1013, 'retry-after=10')
    tick(1000)
    page.signal('online')
    tick(8999)
    t.equal(bench.connections.length, 1)
    tick(1)
    t.equal(bench.connections.length, 2)
  })

  t.test('an open socket checks whether the server responds', async (t) => {
    const tick = stopClock(t)
    const page = openPage(t)
    const bench = createBench(t)
    bench.ws.greet()
    for (const type of ['online', 'offline', 'visibilitychange']) {
      page.signal(type)
      t.equal(bench.ws.frames.at(-1)?.type, 'ping')
      const { length } = bench.ws.frames
      page.signal(type)
      t.equal(bench.ws.frames.length, length, 'once')
      bench.ws.frame({ type: 'ping' })
      tick(5000)
    }
    t.same(bench.events, ['open'])
    page.signal('online')
    tick(5000)
    t.same(bench.events, ['open', 'reconnecting 1006 silent 1 500'])
  })

  t.test('a socket without the subprotocol, or one that is connecting, does nothing', async (t) => {
    const tick = stopClock(t)
    const page = openPage(t)
    const bench = createBench(t)
    page.signal('online')
    bench.ws.accept()
    page.signal('online')
    tick(60_000)
    t.same(bench.ws.sent, [])
    t.equal(bench.connections.length, 1)
  })

  t.test('a closed socket removes its listeners', async (t) => {
    stopClock(t)
    const page = openPage(t)
    const { ws } = createBench(t)
    t.equal(page.listeners.length, 3)
    ws.greet().end(1000)
    t.equal(page.listeners.length, 0)
  })
})
