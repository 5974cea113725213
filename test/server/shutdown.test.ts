import t from 'tap'
import { closeSockets } from '../../lib/server/shutdown.js'
import type { WireSocket } from '../../lib/socket/socket.js'

const setUp = (count: number) => {
  const closed: Array<[number, unknown, unknown]> = []
  const sockets = Array.from({ length: count }, (_, i) => ({
    close: (...args: unknown[]) => { closed.push([i, args[0], args[1]]) }
  }) as unknown as WireSocket)
  return { closed, sockets }
}

t.test('without a drain time, all sockets close at once, with code and reason', async (t) => {
  const { closed, sockets } = setUp(3)
  closeSockets(sockets, { code: 1001, reason: 'bye', drain: 0 })
  t.same(closed, [[0, 1001, 'bye'], [1, 1001, 'bye'], [2, 1001, 'bye']])
  closeSockets([], { code: 1001, reason: '', drain: 100 })
})

t.test('with a drain time, closes are spread over it, the first at once', async (t) => {
  const { closed, sockets } = setUp(5)
  const times: number[] = []
  const start = performance.now()
  await new Promise<void>((resolve) => {
    for (const socket of sockets) {
      const close = socket.close
      socket.close = (...args) => {
        close(...args)
        times.push(performance.now() - start)
        if (closed.length === 5) resolve()
      }
    }
    closeSockets(sockets, { code: 4000, reason: '', drain: 50 })
    t.equal(closed.length, 1)
  })
  t.same(closed.map(([i]) => i), [0, 1, 2, 3, 4])
  for (const [i, time] of times.entries()) t.ok(time >= i * 10 - 1, `${i} at ${time}`)
})

t.test('sockets whose time has passed close together', async (t) => {
  const { closed, sockets } = setUp(4)
  let now = 0
  const finished = new Promise<void>((resolve) => {
    const { close } = sockets[3] as WireSocket
    ;(sockets[3] as WireSocket).close = (...args) => { close(...args); resolve() }
  })
  closeSockets(sockets, { code: 1001, reason: '', drain: 4 }, () => now)
  now = 100
  await finished
  t.equal(closed.length, 4)
})

t.test('stop() ends the spreading of closes', async (t) => {
  const { closed, sockets } = setUp(4)
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const stop = closeSockets(sockets, { code: 1001, reason: '', drain: 60_000 })
  t.equal(timers(), before + 1)
  stop()
  t.equal(timers(), before)
  t.equal(closed.length, 1)
})
