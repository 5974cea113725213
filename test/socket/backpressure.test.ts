import t from 'tap'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import {
  Backpressure, limitOf, type BackpressurePolicy, type SlowConnection, type SlowSender
} from '../../lib/socket/backpressure.js'
import type { SendResult } from '../../lib/socket/sender.js'
import type { WireSocket } from '../../lib/socket/socket.js'
import { closeOf } from '../fixtures/client.js'
import { clientFrame } from '../fixtures/frames.js'
import { createMemorySocket, turn, type MemorySocket } from '../fixtures/memory.js'

const LIMIT = 1_000
const HALF = 'x'.repeat(LIMIT / 2)

const record = (socket: WireSocket): string[] => {
  const drops: string[] = []
  socket.on('drop', (data, isBinary) => { drops.push(isBinary ? `binary ${data.toString()}` : data.toString()) })
  return drops
}

/** A socket with a peer that has stopped reading, and a full stream. */
const stalled = async (
  policy: BackpressurePolicy, limit = LIMIT, options = {}
): Promise<MemorySocket & { release: () => void, drops: string[] }> => {
  const memory = createMemorySocket({ backpressure: { limit, policy }, closeTimeout: 20, ...options })
  const release = memory.stall()
  memory.socket.send('under way')
  await turn()
  // A stream is slow for what comes behind a write that is not done.
  memory.socket.ping()
  await turn()
  return { ...memory, release, drops: record(memory.socket) }
}

const texts = ({ frames }: MemorySocket): string[] =>
  frames().filter(({ opcode }) => opcode < 3).map(({ payload }) => payload.toString())

const failure = (act: (
  callback: (error?: Error | null) => void
) => SendResult): Promise<unknown> => new Promise((resolve) => {
  act((error) => { resolve(error == null ? undefined : (error as { code?: string }).code ?? error.message) })
})

t.test('limitOf() returns the limit below which messages bypass the Backpressure', async (t) => {
  t.equal(limitOf(undefined), Infinity)
  t.equal(limitOf({ limit: 5, policy: 'close' }), 5)
  t.equal(limitOf({ limit: 5, policy: 'latest' }), -1)
})

t.test('more than the limit can be sent to a fast peer in one tick', async (t) => {
  for (const policy of ['close', 'drop', 'latest', 'wait'] as const) {
    const memory = createMemorySocket({ backpressure: { limit: 0, policy } })
    const results: SendResult[] = []
    for (let i = 0; i < 3; i++) {
      results.push(memory.socket.send(HALF))
      await new Promise((resolve) => { process.nextTick(resolve) })
    }
    t.same(results, ['sent', 'sent', 'sent'], policy)
    await turn()
    t.same(texts(memory), [HALF, HALF, HALF])
  }
})

t.test('exactly the limit may be queued, and one message may exceed it', async (t) => {
  const { socket } = await stalled('drop')
  t.equal(socket.send('x'.repeat(LIMIT - socket.bufferedAmount - 4)), 'queued')
  t.equal(socket.bufferedAmount, LIMIT)
  t.equal(socket.send('one more'), 'queued')
  t.equal(socket.send('too much'), 'refused')
  socket.terminate()
})

t.test('close: the socket closes with 1013, frees its queue, and disconnects a peer that reads nothing', async (t) => {
  const memory = await stalled('close')
  const { socket, terminations } = memory
  t.equal(socket.send(HALF), 'queued')
  const waiting = failure((callback) => socket.send(HALF, callback))
  t.equal(socket.send(HALF), 'refused')
  t.ok(socket.bufferedAmount < 100)
  t.equal(socket.readyState, socket.CLOSING)
  t.same(terminations, ['more than 1000 bytes are queued for the peer'])
  t.equal(await waiting, 'FST_WIRE_CONNECTION_CLOSED')
  t.equal(await closeOf(socket), 1006)
  t.same(memory.drops, [])
})

t.test('close: a peer that reads again receives the close', async (t) => {
  const memory = await stalled('close', LIMIT, { closeTimeout: 60_000 })
  const { socket, release, frames, stream } = memory
  socket.send(HALF)
  socket.send(HALF)
  t.equal(await failure((callback) => socket.send('one more', callback)), 'FST_WIRE_BACKPRESSURE')
  release()
  await turn()
  t.same(texts(memory), ['under way'])
  t.equal(frames().at(-1)?.payload.readUInt16BE(), 1013)
  stream.push(clientFrame(8, Buffer.from('03f5', 'hex')))
  stream.push(null)
  t.equal(await closeOf(socket), 1013)
})

t.test('drop: messages over the limit are counted and emitted as drop, those after the drain are sent', async (t) => {
  const memory = await stalled('drop')
  const { socket, release, drops } = memory
  socket.send(HALF)
  socket.send(HALF)
  t.equal(socket.send('a'), 'refused')
  t.equal(await failure((callback) => socket.send(Buffer.from('b'), callback)), 'FST_WIRE_BACKPRESSURE')
  t.equal(socket.send(new PreparedMessage(Buffer.from('c'), false, true)), 'refused')
  t.same(drops, ['a', 'binary b', 'c'])
  t.equal(socket.traffic.messagesDropped, 3)
  t.ok(socket.bufferedAmount < LIMIT + HALF.length)
  const drained = new Promise<void>((resolve) => { socket.once('drain', resolve) })
  release()
  await drained
  t.equal(socket.send('d'), 'sent')
  await turn()
  t.same(texts(memory), ['under way', HALF, HALF, 'd'])
})

t.test('drop: a message in fragments is dropped as a whole', async (t) => {
  const memory = await stalled('drop')
  const { socket, release, drops } = memory
  socket.send(HALF)
  socket.send(HALF)
  t.equal(socket.send('a', { fin: false }), 'refused')
  release()
  await turn()
  t.equal(socket.send('b', { fin: false }), 'refused')
  t.equal(socket.send('c'), 'refused')
  t.equal(socket.send('whole'), 'sent')
  await turn()
  t.same(drops, ['a', 'b', 'c'])
  t.same(texts(memory), ['under way', HALF, HALF, 'whole'])
})

t.test('a message whose first fragments were sent cannot be dropped: the socket closes', async (t) => {
  for (const policy of ['drop', 'latest', 'wait'] as const) {
    const { socket, drops } = await stalled(policy)
    t.equal(socket.send(HALF, { fin: false }), 'queued')
    t.equal(socket.send(HALF, { fin: false }), 'queued')
    t.equal(socket.send(HALF), 'refused', policy)
    t.equal(socket.readyState, socket.CLOSING)
    t.same(drops, [])
    socket.terminate()
  }
})

t.test('latest: only the newest message of each kind is queued, after older ones of other kinds', async (t) => {
  const memory = await stalled('latest')
  const { socket, release, drops } = memory
  t.equal(socket.send('price 1', { kind: 'price' }), 'queued')
  t.equal(socket.send(new PreparedMessage(Buffer.from('volume 1'), false, true), { kind: 'volume' }), 'queued')
  const replaced = failure((callback) => socket.send(
    new PreparedMessage(Buffer.from('price 2'), false, true), { kind: 'price' }, callback
  ))
  t.equal(socket.send('price 3', { kind: 'price' }), 'queued')
  t.equal(await replaced, 'FST_WIRE_REPLACED')
  t.equal(socket.send('of no kind 1'), 'queued')
  const bytes = Buffer.from('of no kind 2')
  const left = failure((callback) => socket.send(bytes, { binary: false }, callback))
  bytes.fill('!')
  const waiting = socket.bufferedAmount
  t.ok(waiting > 'price 3volume 1of no kind 2'.length)
  t.same(drops, ['price 1', 'price 2', 'of no kind 1'])
  t.equal(socket.traffic.messagesDropped, 3)
  release()
  t.equal(await left, undefined)
  t.same(texts(memory), ['under way', 'volume 1', 'price 3', 'of no kind 2'])
  t.equal(socket.bufferedAmount, 0)
  t.equal(socket.send('next'), 'sent')
})

t.test('latest: messages of different kinds that exceed the limit together are dropped', async (t) => {
  const memory = await stalled('latest')
  const { socket, drops } = memory
  t.equal(socket.send(HALF, { kind: 'a' }), 'queued')
  t.equal(socket.send(`${HALF}${HALF}`, { kind: 'b' }), 'queued')
  t.equal(socket.send('c', { kind: 'c' }), 'refused')
  t.equal(socket.send('newer', { kind: 'b' }), 'queued')
  t.equal(socket.send('c', { kind: 'c' }), 'queued')
  t.same(drops, ['c', `${HALF}${HALF}`])
  socket.terminate()
})

t.test('latest: kept messages are sent until the peer is slow again', async (t) => {
  const memory = await stalled('latest', 1_000_000)
  const { socket, release } = memory
  const LARGE = 'y'.repeat(50_000)
  socket.send(LARGE, { kind: 'a' })
  socket.send('b', { kind: 'b' })
  release()
  const again = memory.stall()
  await turn()
  socket.send('newer b', { kind: 'b' })
  await turn()
  again()
  await turn()
  await turn()
  t.same(texts(memory), ['under way', LARGE, 'newer b'])
})

t.test('latest: a close and a fragmented message are sent after the kept messages', async (t) => {
  const memory = await stalled('latest')
  const { socket, release, frames } = memory
  socket.send('a', { kind: 'a' })
  t.equal(socket.send('b', { fin: false }), 'queued')
  socket.send('c')
  socket.send('d')
  socket.close(1000)
  release()
  await turn()
  t.same(texts(memory), ['under way', 'a', 'b', 'c', 'd'])
  t.equal(frames().at(-1)?.opcode, 8)
  socket.terminate()
})

t.test('latest: kept messages fail when the connection is terminated', async (t) => {
  const { socket } = await stalled('latest')
  const failed = failure((callback) => socket.send('a', callback))
  socket.terminate()
  t.equal(await failed, 'FST_WIRE_NOT_OPEN')
})

t.test('latest: a kept message that the version cannot carry is dropped', async (t) => {
  const memory = createMemorySocket({ version: 'hixie-76', backpressure: { limit: LIMIT, policy: 'latest' } })
  const { socket } = memory
  const drops = record(socket)
  const release = memory.stall()
  socket.send(HALF)
  await turn()
  socket.send(HALF)
  socket.send(HALF)
  socket.send(HALF)
  await turn()
  t.equal(socket.send(Buffer.from('binary')), 'queued')
  release()
  await turn()
  await turn()
  t.same(drops.at(-1), 'binary binary')
  socket.terminate()
})

t.test('wait: send() refuses, and sent() waits for room, in order', async (t) => {
  const memory = await stalled('wait')
  const { socket, release, drops } = memory
  socket.send(HALF)
  socket.send(HALF)
  t.equal(await failure((callback) => socket.send('too many', callback)), 'FST_WIRE_BACKPRESSURE')
  const order: string[] = []
  const messages = ['a', Buffer.from('b'), new PreparedMessage(Buffer.from('c'), false, true)]
  const done = Promise.all(messages.map(async (message, i) => {
    await socket.sent(message, { compress: false })
    order.push(String(i))
  }))
  await turn()
  t.same(order, [])
  // Those that wait go first.
  t.equal(socket.send('in between'), 'refused')
  release()
  await done
  t.same(order, ['0', '1', '2'])
  t.same(texts(memory), ['under way', HALF, HALF, 'a', 'b', 'c'])
  t.same(drops, [])
  t.equal(socket.traffic.messagesDropped, 0)
  await socket.sent('d')
  t.equal(socket.send('e'), 'sent')
})

t.test('wait: a Blob waits for room by its size', async (t) => {
  const memory = await stalled('wait')
  const { socket, release } = memory
  socket.send(HALF)
  socket.send(HALF)
  const blob = socket.sent(new Blob(['x'.repeat(LIMIT + 1)]))
  await t.rejects(socket.sent('behind a Blob that is more than may wait'), { code: 'FST_WIRE_BACKPRESSURE' })
  release()
  await blob
  t.same(texts(memory).map(({ length }) => length), ['under way', HALF, HALF, 'x'.repeat(LIMIT +
    1)].map(({ length }) => length))
})

t.test('wait: calls of sent() without room keep waiting', async (t) => {
  const memory = await stalled('wait', 20_000)
  const { socket, release } = memory
  const LARGE = 'y'.repeat(30_000)
  const MOST = 'z'.repeat(19_000)
  const REST = 'z'.repeat(1_000)
  socket.send(LARGE)
  const all = [MOST, REST, 'c', 'd'].map(async (text) =>
    await socket.sent(text).catch((error: { code: string }) => error.code))
  release()
  const again = memory.stall()
  await turn()
  await turn()
  t.ok(socket.bufferedAmount > 20_000)
  again()
  // Those that wait hold no more than the limit either.
  t.same(await Promise.all(all), [undefined, undefined, undefined, 'FST_WIRE_BACKPRESSURE'])
  t.same(texts(memory).map(({ length }) => length), ['under way', LARGE, MOST, REST, 'c'].map(({ length }) => length))
})

t.test('wait: waiting calls of sent() reject when the socket closes', async (t) => {
  const { socket } = await stalled('wait')
  socket.send(HALF)
  socket.send(HALF)
  const results = ['a', 'b'].map(async (text) => await socket.sent(text).catch((error: { code: string }) => error.code))
  socket.terminate()
  t.same(await Promise.all(results), ['FST_WIRE_NOT_OPEN', 'FST_WIRE_NOT_OPEN'])
})

t.test('sent() does not wait for room with another policy', async (t) => {
  const { socket, drops } = await stalled('drop')
  socket.send(HALF)
  socket.send(HALF)
  await t.rejects(socket.sent('a'), { code: 'FST_WIRE_BACKPRESSURE' })
  t.same(drops, ['a'])
  socket.terminate()
})

t.test('pings of the application over the limit are refused as well', async (t) => {
  const { socket } = await stalled('drop')
  socket.send(HALF)
  socket.send(HALF)
  socket.ping('no answer')
  t.match(await new Promise((resolve) => { socket.ping('x', true, resolve) }), { code: 'FST_WIRE_BACKPRESSURE' })
  socket.terminate()
})

t.test('messages that wait to be compressed count towards the limit', async (t) => {
  const { socket } = createMemorySocket({ isCompressed: true, backpressure: { limit: 70_000, policy: 'drop' } })
  const drops = record(socket)
  const large = Buffer.alloc(70_001, 'z')
  t.equal(socket.send(large), 'sent')
  t.equal(socket.send(large), 'refused')
  t.equal(drops.length, 1)
  socket.terminate()
})

t.test('messages that the kernel takes at once do not count, and need no wait for the peer', async (t) => {
  let queuedAmount = LIMIT + 1
  const calls: string[] = []
  const transport = {
    flushNow: () => {
      calls.push('flushNow')
      queuedAmount = 0
    },
    waitForPeer: () => { calls.push('waitForPeer') }
  }
  const backpressure = new Backpressure(
    { get queuedAmount () { return queuedAmount } } as unknown as SlowSender,
    { transport } as unknown as SlowConnection, { limit: LIMIT, policy: 'drop' }
  )
  t.equal(backpressure.isOverLimit, false)
  t.same(calls, ['flushNow'])
})
