import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex, type DuplexOptions } from 'node:stream'
import t from 'tap'
import { spend } from '../../lib/codec/budget.js'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { prepareDirectIO } from '../../lib/transport/direct.js'
import { queueRest, receiveBytes, receiveRest, startReading, type ByteReceiver } from '../../lib/transport/reader.js'
import type { Rest } from '../../lib/transport/rest.js'
import { replaceTimers } from '../fixtures/clock.js'
import { turn } from '../fixtures/memory.js'

const silent: DuplexOptions = { read () {} }

interface Collector extends ByteReceiver {
  /** What it took in each call, and what else it was told. */
  readonly seen: string[]
  isPaused: boolean
}

/** Takes what lands in the page, as much of it as `take` says: all, unless it says otherwise. */
const collector = (take: (text: string) => number | void = () => {}): Collector => {
  const target: Collector = {
    seen: [],
    rest: undefined,
    turn: 0,
    isPaused: false,
    receive (length) {
      const text = receiveBuffer.bytes.toString('latin1', 0, length)
      const taken = take(text) ?? length
      target.seen.push(text.slice(0, taken))
      return taken
    },
    received () {},
    takeTurn () { receiveRest(target) },
    stopReading () { target.seen.push('(stop)') },
    restReceived () {
      target.seen.push('(caught up)')
      target.rest = undefined
    }
  }
  return target
}

/** Takes one byte after the other, each of which uses up the budget. */
const costly = (): number => {
  spend(1_000)
  return 1
}

// A turn also ends by its time, which would make these tests depend on the speed of the machine.
t.beforeEach((t) => { replaceTimers(t, { now: () => 0 }) })

t.test('data of a stream arrives in the receive buffer, earlier data first', async (t) => {
  const stream = new Duplex(silent)
  const target = collector()
  stream.push('early')
  startReading(stream, target, true)
  stream.push('late')
  stream.push(null)
  await once(stream.resume(), 'end')
  t.same(target.seen, ['early', 'late'])
})

t.test('data larger than the receive buffer arrives in parts, in later turns', async (t) => {
  const target = collector()
  receiveBytes(target, Buffer.alloc(receiveBuffer.RECEIVE_BUFFER_SIZE + 5, 'x'))
  t.same(target.seen.map(({ length }) => length), [receiveBuffer.RECEIVE_BUFFER_SIZE, '(stop)'.length])
  await turn()
  t.same(target.seen.slice(2), ['xxxxx', '(caught up)'])
})

t.test('data that is read within another chunk waits until that chunk is done', async (t) => {
  const inner = collector()
  const outer = collector((text) => {
    receiveBytes(inner, Buffer.from('inner'))
    t.same(inner.seen, [])
    t.equal(receiveBuffer.bytes.toString('latin1', 0, text.length), text, 'the page is as it was')
  })
  receiveBytes(outer, Buffer.from('outer'))
  t.same(inner.seen, ['inner'])
})

t.test('a receiver that throws releases the receive buffer, and waiting receivers are served', async (t) => {
  const inner = collector()
  const broken = collector(() => {
    receiveBytes(inner, Buffer.from('inner'))
    throw new Error('broken')
  })
  t.throws(() => { receiveBytes(broken, Buffer.from('x')) }, { message: 'broken' })
  t.same(inner.seen, ['inner'])
  const next = collector()
  receiveBytes(next, Buffer.from('next'))
  t.same(next.seen, ['next'])
})

t.test('a receiver that exhausts its budget gets the rest in later turns, one share in each', async (t) => {
  const target = collector(costly)
  receiveBytes(target, Buffer.from('abc'))
  t.same(target.seen.splice(0), ['a', '(stop)'])
  receiveBytes(target, Buffer.from('d'))
  t.same(target.seen, [], 'what comes meanwhile is behind it')
  for (const text of ['b', 'c', 'd']) {
    await turn()
    t.same(target.seen.splice(0), [text])
  }
  await turn()
  t.same(target.seen, ['(caught up)'])
})

t.test('receivers with a rest take turns, and others are served between them', async (t) => {
  const order: string[] = []
  const create = (): Collector => collector((text) => {
    order.push(text[0] as string)
    return costly()
  })
  const [first, second] = [create(), create()]
  receiveBytes(first, Buffer.from('abc'))
  receiveBytes(second, Buffer.from('ABC'))
  await turn()
  receiveBytes(collector((text) => { order.push(text) }), Buffer.from('other'))
  await turn()
  t.same(order, ['a', 'A', 'b', 'B', 'other', 'c', 'C'])
  await turn()
})

t.test('bytes that a receiver leaves although it has budget wait while it is paused', async (t) => {
  const target = collector(() => {
    target.isPaused = true
    return 1
  })
  receiveBytes(target, Buffer.from('abc'))
  await turn()
  t.same(target.seen.splice(0), ['a', '(stop)'])
  target.isPaused = false
  queueRest(target, target.rest as Rest)
  queueRest(target, target.rest as Rest)
  await turn()
  t.same(target.seen.splice(0), ['b'])
  // It pauses again before its turn comes.
  queueRest(target, target.rest as Rest)
  await turn()
  t.same(target.seen, [])
  // Behind the end of the stream it takes what it can, and then that is all.
  const rest = target.rest as Rest
  rest.push(Buffer.from('de'))
  rest.isClosed = true
  queueRest(target, rest)
  await turn()
  t.same(target.seen, ['c', 'd', '(caught up)'])
})

t.test('after the end of the stream, a paused receiver takes one share after the other', async (t) => {
  const target = collector(costly)
  receiveBytes(target, Buffer.from('abc'))
  target.isPaused = true
  const rest = target.rest as Rest
  rest.isClosed = true
  for (let i = 0; i < 3; i++) await turn()
  t.same(target.seen, ['a', '(stop)', 'b', 'c', '(caught up)'])
})

t.test('a dropped rest is not received, although its turn comes', async (t) => {
  const target = collector(costly)
  receiveBytes(target, Buffer.from('abc'))
  target.rest = undefined
  await turn()
  t.same(target.seen, ['a', '(stop)'])
  const cut: Collector = collector(() => {
    cut.rest = undefined
    return costly()
  })
  receiveBytes(cut, Buffer.from('abc'))
  await turn()
  await turn()
  t.same(cut.seen, ['a', '(stop)', 'b'])
})

t.test('a connection reads into the receive buffer directly, and nested data waits', async (t) => {
  await prepareDirectIO()
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => { client.destroy() })
  const [accepted] = await once(server, 'connection') as [Socket]
  const inner = collector()
  let wake = (): void => {}
  const target = collector(() => {
    receiveBytes(inner, Buffer.from('inner'))
    t.equal(inner.seen.length, target.seen.length)
    wake()
    if (target.seen.length === 0) return undefined
    target.isPaused = true
    return 3
  })
  accepted.on('data', () => { t.fail('no data event') })
  accepted.pause()
  startReading(accepted, target, true)
  accepted.resume()
  client.write('whole')
  while (target.seen.length < 1) await new Promise<void>((resolve) => { wake = resolve })
  client.write('outer')
  while (target.seen.length < 3) await new Promise<void>((resolve) => { wake = resolve })
  t.same(target.seen, ['whole', 'out', '(stop)'])
  t.same(inner.seen, ['inner', 'inner'])
  // As it does not stop its stream, more is read, which is behind the rest.
  const rest = target.rest as Rest
  const pushed = new Promise<string>((resolve) => { rest.push = (bytes) => { resolve(bytes.toString()) } })
  client.write('next')
  t.equal(await pushed, 'next')
  t.equal(target.seen.length, 3)
})
