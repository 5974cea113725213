import t from 'tap'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import type { SocketTopics } from '../../lib/socket/topics.js'
import { prepareFrame } from '../../lib/topics/topic-frames.js'
import { json } from '../fixtures/deflate.js'
import { clientFrame } from '../fixtures/frames.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { LARGE, sent } from '../fixtures/recording.js'

t.test('a message is sent at once, and queued while the peer is slow', async (t) => {
  const { socket, stall } = createMemorySocket()
  const message = new PreparedMessage(Buffer.from('for many'), false, true)
  t.equal(socket.send('a'), 'sent')
  t.equal(socket.send(message), 'sent')
  const release = stall()
  t.equal(socket.send(Buffer.alloc(100_000)), 'sent')
  await turn()
  t.equal(socket.send('b'), 'queued')
  t.equal(socket.send(message, {}), 'queued')
  let drains = 0
  socket.on('drain', () => { drains++ })
  release()
  await turn()
  t.equal(drains, 1)
  t.equal(socket.send('c'), 'sent')
})

t.test('a message behind a pending write is queued, and drain is emitted', async (t) => {
  const { socket, stall } = createMemorySocket()
  const release = stall()
  t.equal(socket.send('a'), 'sent')
  await turn()
  t.equal(socket.send('b'), 'sent')
  await turn()
  t.equal(socket.send('c'), 'queued')
  let drains = 0
  socket.on('drain', () => { drains++ })
  release()
  await turn()
  t.equal(drains, 1)
})

t.test('a message after the close is refused, and its callback receives an error', async (t) => {
  const { socket } = createMemorySocket()
  socket.terminate()
  t.equal(socket.send('x'), 'refused')
  t.match(await sent((callback) => socket.send('x', callback)), { code: 'FST_WIRE_NOT_OPEN' })
  t.match(
    await sent((callback) => socket.send(new PreparedMessage(Buffer.from('x'), false, true), callback)),
    { code: 'FST_WIRE_NOT_OPEN' }
  )
  t.match(await sent((callback) => { socket.ping('x', true, callback) }), { code: 'FST_WIRE_NOT_OPEN' })
  await t.rejects(socket.sent('x'), { code: 'FST_WIRE_NOT_OPEN' })
})

t.test('a message that the version cannot carry throws, or calls back with an error', async (t) => {
  const { socket } = createMemorySocket({ version: 'hixie-76' })
  const binary = new PreparedMessage(Buffer.from('x'), true, true)
  for (const act of [
    (callback?: () => void) => { socket.send(Buffer.from('x'), callback) },
    (callback?: () => void) => { socket.send(binary, callback) },
    (callback?: () => void) => { socket.ping('x', true, callback) }
  ]) {
    t.throws(() => { act() }, { code: 'FST_WIRE_NOT_SUPPORTED' })
    t.match(await sent(act), { code: 'FST_WIRE_NOT_SUPPORTED' })
  }
  await t.rejects(socket.sent(Buffer.from('x')), { code: 'FST_WIRE_NOT_SUPPORTED' })
  await socket.sent('text')
})

t.test('a callback runs when its message has left, and its errors are reported', async (t) => {
  const { socket, errors } = createMemorySocket()
  t.notOk(await sent((callback) => socket.send('a', callback)))
  t.notOk(await sent((callback) => socket.send(new PreparedMessage(Buffer.from('b'), false, true), callback)))
  t.notOk(await sent((callback) => { socket.pong('c', true, callback) }))
  await socket.sent('d')
  socket.ping('e', true, () => { throw new Error('thrown') })
  socket.send('f', (async () => { throw new Error('rejected') }) as () => void)
  await turn()
  await turn()
  t.match(errors, [{ message: 'thrown' }, { message: 'rejected' }])
})

t.test('a ping over the limit is refused', async (t) => {
  const { socket, stall } = createMemorySocket({ backpressure: { limit: 10, policy: 'drop' } })
  stall()
  socket.send(Buffer.alloc(100))
  await turn()
  socket.ping('nobody is told')
  t.match(await sent((callback) => { socket.ping('x', true, callback) }), { code: 'FST_WIRE_BACKPRESSURE' })
  socket.terminate()
})

t.test('a value is sent in the form of its route, kept by its kind for a slow peer, or refused', async (t) => {
  const outbound = {
    write: (value: unknown) => {
      if (value === undefined) throw new Error('no value')
      return JSON.stringify(value)
    }
  }
  const { socket, frames, stall } = createMemorySocket({
    settings: { outbound }, backpressure: { limit: 1_000, policy: 'latest' }
  })
  t.equal(socket.send({ a: 1 } as never), 'sent')
  t.throws(() => { socket.send(undefined as never) }, { message: 'no value' })
  t.match(await sent((callback) => socket.send(undefined as never, callback)), { message: 'no value' })
  const release = stall()
  socket.send('slow')
  await turn()
  socket.send('more')
  await turn()
  for (const value of [1, 2]) t.equal(socket.send(value, { kind: 'number' }), 'queued')
  release()
  await turn()
  t.same(frames().map(({ payload }) => payload.toString()), ['{"a":1}', '"slow"', '"more"', '2'])
  socket.terminate()
  t.equal(socket.send(3), 'refused')
})

t.test('a prepared message is sent, counted, and called back', async (t) => {
  const { socket, frames } = createMemorySocket()
  const message = new PreparedMessage(Buffer.from('for many'), false, true)
  socket.send(message)
  t.notOk(await sent((callback) => { socket.send(message, callback) }))
  t.notOk(await sent((callback) => { socket.send(message, {}, callback) }))
  t.same(frames().map(({ opcode, payload }) => [opcode, payload.toString()]), Array(3).fill([1, 'for many']))
  t.same(socket.traffic, { messagesReceived: 0, bytesReceived: 0, messagesSent: 3, bytesSent: 24, messagesDropped: 0 })
})

t.test('callbacks of messages and pings run in order when a slow peer has read them', async (t) => {
  const { socket, errors, stall } = createMemorySocket()
  const release = stall()
  const order: string[] = []
  socket.send('a', () => { order.push('a') })
  await turn()
  socket.ping('b', true, () => { order.push('b') })
  socket.send('c', () => { throw new Error('thrown') })
  await turn()
  t.same(order, [])
  t.equal(socket.bufferedAmount, 3 + 3 + 3)
  release()
  await turn()
  t.same(order, ['a', 'b'])
  t.match(errors, [{ message: 'thrown' }])
})

t.test('callbacks of a compressed message run when it has left, before those of later messages', async (t) => {
  const { socket, frames } = createMemorySocket({ isCompressed: true })
  const order: string[] = []
  const done = sent((callback) => {
    socket.send(json(LARGE), () => { order.push('large') })
    socket.send('small', (error) => { order.push('small'); callback(error) })
  })
  t.equal(socket.bufferedAmount, LARGE + 5)
  t.notOk(await done)
  t.same(order, ['large', 'small'])
  t.equal(socket.bufferedAmount, 0)
  t.same(frames().map(({ opcode, isCompressed }) => [opcode, isCompressed]), [[2, true], [1, false]])
})

t.test('a message that is being compressed when the socket closes calls back with an error', async (t) => {
  for (const end of ['cut', 'fault'] as const) {
    const { socket, stream, frames, stall } = createMemorySocket({ isCompressed: true })
    const release = stall()
    socket.send('under way')
    await turn()
    const results = [
      sent((callback) => { socket.send(json(LARGE), callback) }),
      sent((callback) => { socket.send('small', callback) }),
      sent((callback) => { socket.send(new PreparedMessage(json(LARGE), false, true), callback) })
    ]
    if (end === 'cut') socket.terminate()
    else stream.push(Buffer.from('810161', 'hex'))
    for (const result of results) t.match(await result, { code: 'FST_WIRE_NOT_OPEN' })
    release()
    await turn()
    t.same(frames().map(({ opcode }) => opcode), end === 'cut' ? [1] : [1, 8])
  }
})

t.test('a message for a slow peer goes through the backpressure, prepared or not', async (t) => {
  const { socket, errors, terminations, stall } = createMemorySocket({ backpressure: { limit: 10, policy: 'drop' } })
  const message = new PreparedMessage(Buffer.from('for many'), false, true)
  const dropped: unknown[] = []
  socket.on('drop', (data, isBinary) => { dropped.push([data.toString(), isBinary]) })
  t.equal(socket.traffic.messagesDropped, 0)
  const release = stall()
  t.equal(socket.send(Buffer.alloc(100)), 'sent')
  await turn()
  t.equal(socket.send('for one'), 'refused')
  t.equal(socket.send(message), 'refused')
  await t.rejects(socket.sent('paced'), { code: 'FST_WIRE_BACKPRESSURE' })
  t.same(dropped, [['for one', false], ['for many', false], ['paced', false]])
  t.equal(socket.traffic.messagesDropped, 3)
  t.equal(socket.bufferedAmount, 102)
  release()
  await turn()
  await socket.sent('paced')
  t.same([...errors, ...terminations], [])
})

t.test('a message within the backpressure limit is sent, prepared or not', async (t) => {
  const { socket } = createMemorySocket({ backpressure: { limit: 1_000, policy: 'latest' } })
  const message = new PreparedMessage(Buffer.alloc(100), true, true)
  for (let i = 0; i < 3; i++) {
    t.equal(socket.send(message), 'sent')
    t.equal(socket.send(Buffer.alloc(100)), 'sent')
    await turn()
  }
  t.equal(socket.traffic.messagesSent, 6)
})

t.test('kept messages are sent before a close', async (t) => {
  const { socket, frames, stall } = createMemorySocket({ backpressure: { limit: 10, policy: 'latest' } })
  const release = stall()
  socket.send(Buffer.alloc(20_000))
  await turn()
  socket.send('old')
  socket.send('new')
  t.equal(socket.bufferedAmount, 20_004 + 3)
  socket.close(1000)
  release()
  await turn()
  t.same(frames().slice(1).map(({ payload }) => payload.toString('latin1')), ['new', '\x03\xe8'])
})

t.test('a peer that floods pings and reads nothing gets the newest ping answered when it reads', async (t) => {
  const { socket, stream, frames, stall } = createMemorySocket()
  const release = stall()
  socket.send(Buffer.alloc(20_000))
  await turn()
  for (let i = 0; i <= 100; i++) stream.push(clientFrame(9, `ping ${i}`))
  await turn()
  t.equal(socket.bufferedAmount, 20_004)
  release()
  await turn()
  t.same(frames().slice(1).map(({ opcode, payload }) => [opcode, payload.toString()]), [[10, 'ping 100']])
})

t.test('messages to a live client that begin with NUL are sent inside a frame, all others unchanged', async (t) => {
  const topics = {
    isLive: () => true, wrap: (payload: string | Buffer) => `frame of ${String(payload).slice(1)}`, topicsOf: () => []
  } as unknown as SocketTopics
  const { socket, frames } = createMemorySocket({ settings: { topics } })
  socket.send('\0text')
  socket.send(Buffer.from('\0bytes'), { binary: false })
  socket.send('plain \0')
  socket.send(new PreparedMessage(Buffer.from('\0for many'), false, true))
  socket.send(prepareFrame({ type: 'ping' }))
  await turn()
  t.same(frames().map(({ payload }) => payload.toString()), [
    'frame of text', 'frame of bytes', 'plain \0', 'frame of for many', '\0{"type":"ping"}'
  ])
})

t.test('a value behind a pending Blob is captured by send(), and an invalid one throws at once', async (t) => {
  const outbound = {
    write: (value: unknown) => {
      if (value === undefined) throw new Error('no value')
      return JSON.stringify(value)
    }
  }
  const { socket, frames } = createMemorySocket({ settings: { outbound } })
  socket.send(new Blob(['first']), { binary: false })
  const value = { x: 1 }
  const left = sent((callback) => socket.send(value as never, null as never, callback))
  value.x = 2
  t.throws(() => { socket.send(undefined as never) }, { message: 'no value' })
  socket.send(Buffer.from('bytes'), { binary: true })
  t.equal(await left, undefined)
  await turn()
  t.same(frames().map(({ opcode, payload }) => [opcode, payload.toString()]), [
    [1, 'first'], [1, '{"x":1}'], [2, 'bytes']
  ])
})

t.test('a close behind a pending Blob has the reason of its call', async (t) => {
  const { socket, frames } = createMemorySocket()
  const blobSent = sent((callback) => socket.send(new Blob(['first']), callback))
  const reason = Buffer.from('done')
  socket.close(1000, reason)
  reason.fill('!')
  await blobSent
  await turn()
  t.same(frames().map(({ opcode, payload }) => [opcode, payload.toString('latin1')]), [
    [2, 'first'], [8, '\x03\xe8done']
  ])
  socket.terminate()
})

t.test('invalid arguments of close() throw while a Blob is read too', async (t) => {
  const { socket, frames, errors } = createMemorySocket()
  socket.send(new Blob(['first']))
  t.throws(() => { socket.close(1006) }, { code: 'FST_WIRE_CLOSE_CODE' })
  const closed = new Promise((resolve) => { socket.send('second', resolve) })
  socket.close(1000)
  await closed
  await turn()
  t.same(frames().map(({ opcode }) => opcode), [2, 1, 8])
  t.same(errors, [])
  socket.terminate()
})
