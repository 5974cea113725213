import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { grant, remaining, spend } from '../../lib/codec/budget.js'
import { beginShare, endShare, MIN_SHARE, SHARE, TURN, waitForTurn, type TurnTaker } from '../../lib/transport/turns.js'
import { replaceTimers } from '../fixtures/clock.js'
import { turn } from '../fixtures/memory.js'

// A turn also ends by its time, which would make these tests depend on the speed of the machine.
let clock = 1_000
t.beforeEach((t) => { replaceTimers(t, { now: () => clock }) })

t.afterEach(async () => {
  await turn()
  grant()
})

/** Does so much work in one go, and tells whether it has to wait then. */
const work = (socket: TurnTaker, units: number): boolean => {
  const share = beginShare()
  spend(units)
  return endShare(socket, share)
}

const createSocket = (takeTurn: () => void = () => {}): TurnTaker => ({ turn: 0, takeTurn })

t.test('a socket may do one share of work at once, and then waits', async (t) => {
  t.equal(beginShare(), SHARE)
  t.equal(remaining(), SHARE)
  const socket = createSocket()
  t.equal(work(socket, SHARE - 1), false)
  t.equal(work(socket, SHARE), true)
})

t.test('a socket may do a smaller share in a full turn, once', async (t) => {
  t.equal(work(createSocket(), TURN), true)
  t.equal(beginShare(), MIN_SHARE)
  const [first, second] = [createSocket(), createSocket()]
  t.equal(work(first, 1), false)
  t.equal(work(second, MIN_SHARE), true)
  t.equal(work(first, 1), true)
  await turn()
  t.equal(beginShare(), SHARE)
  t.equal(work(first, 1), false)
})

t.test('waiting sockets take turns: one share per turn, and none in a full turn', async (t) => {
  const order: number[][] = []
  let now: number[] = []
  const sockets = Array.from({ length: 10 }, (_, i) => createSocket(() => {
    now.push(i)
    work(sockets[i]!, SHARE)
    if (order.length < 4) waitForTurn(sockets[i]!)
  }))
  for (const socket of sockets) waitForTurn(socket)
  // The last three serve those that wait still.
  for (let i = 0; i < 7; i++) {
    now = []
    await turn()
    order.push(now)
  }
  t.equal(TURN / SHARE, 4)
  t.same(order, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9], [0, 1, 2, 3], [4, 5]])
})

t.test('a turn that takes long ends, however little work was counted', async (t) => {
  let served = 0
  for (let i = 0; i < 3; i++) {
    waitForTurn(createSocket(() => {
      served++
      clock += 5
    }))
  }
  for (const expected of [1, 2, 3]) {
    await turn()
    t.equal(served, expected)
  }
})

t.test('waiting sockets continue although one of them throws', async (t) => {
  const thrown = new Promise((resolve) => { process.once('uncaughtException', resolve) })
  let isServed = false
  waitForTurn(createSocket(() => { throw new Error('broken') }))
  waitForTurn(createSocket(() => { isServed = true }))
  t.match(await thrown, { message: 'broken' })
  await turn()
  await turn()
  t.ok(isServed)
})

t.test('a turn runs outside of any async context', async (t) => {
  const storage = new AsyncLocalStorage<string>()
  const seen = new Promise((resolve) => {
    storage.run('a request', () => { waitForTurn(createSocket(() => { resolve(storage.getStore()) })) })
  })
  t.equal(await seen, undefined)
})
