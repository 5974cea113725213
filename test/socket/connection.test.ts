import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { constants, deflateRawSync } from 'node:zlib'
import t from 'tap'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import { enterPool, leavePool } from '../../lib/deflate/pool.js'
import { Heartbeat } from '../../lib/socket/heartbeat.js'
import type { SocketObserver } from '../../lib/socket/observer.js'
import type { WireSocket } from '../../lib/socket/socket.js'
import type { SocketTopics } from '../../lib/socket/topics.js'
import { closeOf } from '../fixtures/client.js'
import { clientFrame } from '../fixtures/frames.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { CLOSE, record } from '../fixtures/recording.js'

t.test('a connection delivers its messages and closes', async (t) => {
  let seen: unknown[] = []
  const { socket, stream, frames, closes, errors } = createMemorySocket({
    head: clientFrame(1, 'with the head'),
    handler: (socket) => {
      seen = record(socket)
      socket.on('message', (data) => { socket.send(data, { binary: false }) })
    }
  })
  stream.push(Buffer.concat([clientFrame(9, 'are you there'), clientFrame(10), clientFrame(2, 'b'), CLOSE]))
  await turn()
  stream.push(null)
  await closeOf(socket)
  t.same(seen, ['with the head', 'b', 1000])
  t.same(frames().map(({ opcode, payload }) => [opcode, payload.toString('latin1')]), [
    [1, 'with the head'], [10, 'are you there'], [1, 'b'], [8, '\x03\xe8']
  ])
  t.same(closes, [1000])
  t.same(errors, [])
  t.same(socket.traffic, { messagesReceived: 2, bytesReceived: 14, messagesSent: 2, bytesSent: 14, messagesDropped: 0 })
})

t.test('the observer is notified of a protocol error, whatever other listeners there are', async (t) => {
  const faults: Error[] = []
  const { socket, stream } = createMemorySocket({ observer: { onProtocolError: (error) => { faults.push(error) } } })
  stream.push(Buffer.from('810161', 'hex'))
  stream.push(null)
  t.equal(await closeOf(socket), 1006)
  t.match(faults, [{ code: 'FST_WIRE_MASK' }])
})

t.test('pongs for the application are emitted with and without a heartbeat', async (t) => {
  for (const heartbeat of [undefined, new Heartbeat({ interval: 1_000, timeout: 1_000, idle: false })]) {
    const { socket, stream, frames } = createMemorySocket({ heartbeat })
    const pongs: string[] = []
    socket.on('pong', (data) => { pongs.push(data.toString()) })
    stream.push(clientFrame(10, 'mine'))
    await turn()
    t.same(pongs, ['mine'])
    t.equal(socket.latency, undefined)
    t.equal(frames().length, 0)
    socket.terminate()
  }
})

t.test('a heartbeat tracks a socket from open to close, and does not emit its own pongs', async (t) => {
  let now = 0
  const heartbeat = new Heartbeat({ interval: 1_000, timeout: 1_000, idle: false }, () => now)
  const { socket, stream, frames, terminations } = createMemorySocket({ heartbeat })
  socket.on('pong', () => { t.fail('not of the application') })
  t.equal(heartbeat.size, 1)
  now = 2_000
  heartbeat.beat()
  await turn()
  stream.push(clientFrame(10, frames()[0]!.payload))
  await turn()
  t.equal(socket.latency, 0)
  const closed = closeOf(socket)
  for (now = 4_000; now < 7_000; now += 1_500) {
    heartbeat.beat()
    await turn()
    await turn()
  }
  t.equal(await closed, 1006)
  t.same(terminations, ['no answer to a ping within 1000 ms'])
  t.equal(heartbeat.size, 0)
})

t.test('an observer that throws in onError terminates the socket, in other methods it does no harm', async (t) => {
  const broken = (): never => { throw new Error('the route is broken') }
  const unhandled = createMemorySocket({ observer: { onError: broken } })
  const closed = closeOf(unhandled.socket)
  unhandled.socket.on('message', () => { throw new Error('a listener failed') })
  unhandled.stream.push(clientFrame(1, 'a'))
  t.equal(await closed, 1006)

  const { socket, stream, errors, frames } = createMemorySocket({
    observer: { onProtocolError: broken, onTerminate: broken, onClose: broken }
  })
  const seen = record(socket)
  stream.push(Buffer.from('8100', 'hex'))
  await turn()
  t.match(frames(), [{ opcode: 8, payload: Buffer.from('03ea', 'hex') }])
  stream.push(null)
  await closeOf(socket)
  t.same(seen, ['FST_WIRE_MASK', 1006])
  t.same(errors.map((error) => (error as Error).message), ['the route is broken', 'the route is broken'])
})

t.test('a handler that returns a broken thenable is an error, and its socket stays open', async (t) => {
  const strange = { get then (): never { throw new Error('no promise') } }
  const { socket, errors } = createMemorySocket({ handler: () => strange })
  t.match(errors, [{ message: 'no promise' }])
  t.equal(socket.readyState, 1)
  socket.terminate()
  await closeOf(socket)
})

t.test('an error thrown while bytes are received terminates that socket, and no other', async (t) => {
  const broken = createMemorySocket()
  const seen = record(broken.socket)
  // A payload whose copy fails stands for any fault of ours.
  const { allocUnsafe } = Buffer
  const bytes = clientFrame(2, Buffer.alloc(1_000))
  Object.assign(Buffer, { allocUnsafe: () => { throw new Error('out of memory') } })
  try {
    broken.stream.push(bytes)
    await turn()
  } finally {
    Object.assign(Buffer, { allocUnsafe })
  }
  t.match(broken.errors, [{ message: 'out of memory' }])
  await turn()
  t.same(seen, [1006])
  const other = createMemorySocket()
  const heard = record(other.socket)
  other.stream.push(clientFrame(1, 'a'))
  await turn()
  t.same(heard, ['a'])
  other.socket.terminate()
  await closeOf(other.socket)
})

t.test('a socket that is terminated after its connection was lost emits close, while messages wait', async (t) => {
  const heartbeat = new Heartbeat({ interval: 1_000, timeout: 1_000, idle: false })
  let isLost = false
  const { socket, stream, closes } = createMemorySocket({ heartbeat })
  stream.on('close', () => { isLost = true })
  // More messages than a socket may handle in one turn.
  stream.push(Buffer.concat(Array<Buffer>(2_000).fill(clientFrame(1, 'a'))))
  let count = 0
  socket.on('message', () => {
    if (count++ === 0) stream.destroy()
    if (isLost) socket.terminate()
  })
  t.equal(await closeOf(socket), 1006)
  t.ok(isLost && count < 2_000)
  t.same(closes, [1006])
  t.equal(heartbeat.size, 0)
})

t.test('a socket that is terminated after its connection was lost emits close, while a message is inflated', async (t) => {
  // All places of the pool are taken, so the message waits.
  for (let i = 0; i < 4; i++) enterPool(() => {})
  t.teardown(() => { for (let i = 0; i < 4; i++) leavePool() })
  const { socket, stream, closes } = createMemorySocket({ isCompressed: true })
  const lost = new Promise((resolve) => { stream.on('close', resolve) })
  const compressed = deflateRawSync(Buffer.alloc(2 ** 20), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
  stream.push(clientFrame(2, compressed, { isCompressed: true }))
  await turn()
  stream.destroy()
  await lost
  await turn()
  t.equal(socket.readyState, 1)
  let isInCall = true
  const closed = new Promise<boolean>((resolve) => { socket.once('close', () => { resolve(isInCall) }) })
  socket.terminate()
  socket.terminate()
  isInCall = false
  t.equal(await closed, false)
  t.same(closes, [1006])
})

t.test('incoming and outgoing messages are published if a channel has subscribers', async (t) => {
  const names = ['message:in', 'message:out', 'ping', 'error', 'drop']
  const nobody = (): void => {}
  for (const name of names) subscribe(`fastify-wire:${name}`, nobody)
  t.teardown(() => { for (const name of names) unsubscribe(`fastify-wire:${name}`, nobody) })
  const seen: unknown[] = []
  const publish: SocketObserver<WireSocket>['publish'] = (channel, details) => { seen.push([channel.name, details]) }
  const run = async (observer: Partial<SocketObserver<WireSocket>>): Promise<void> => {
    const { socket, stream } = createMemorySocket({ observer })
    socket.on('message', () => {})
    stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(9, 'b'), clientFrame(10, 'c')]))
    await turn()
    socket.send('d')
    socket.send(new PreparedMessage(Buffer.from('e'), true, true))
    socket.ping('f')
    await turn()
    stream.push(Buffer.from('810161', 'hex'))
    await turn()
    socket.terminate()
  }
  // An observer may lack publish(), as for a client of injectWS.
  await run({})
  await run({ publish })
  const text = { isBinary: false }
  t.match(seen, [
    ['fastify-wire:message:in', { data: Buffer.from('a'), ...text }],
    ['fastify-wire:ping', { kind: 'ping', direction: 'in', data: Buffer.from('b') }],
    ['fastify-wire:ping', { kind: 'pong', direction: 'in', data: Buffer.from('c') }],
    ['fastify-wire:message:out', { data: 'd', ...text }],
    ['fastify-wire:message:out', { data: Buffer.from('e'), isBinary: true }],
    ['fastify-wire:ping', { kind: 'ping', direction: 'out', data: Buffer.from('f') }],
    ['fastify-wire:error', { error: { code: 'FST_WIRE_MASK' }, source: 'peer' }]
  ])
  seen.length = 0
  const { socket, stall } = createMemorySocket({ observer: { publish }, backpressure: { limit: 4, policy: 'drop' } })
  const finish = stall()
  socket.send('a long message')
  await turn()
  socket.send('one too many')
  t.match(seen.at(-1), ['fastify-wire:drop', { data: 'one too many', ...text }])
  finish()
  socket.terminate()
})

t.test('a message of a live client that begins with NUL is a frame, which may contain a message', async (t) => {
  const topics = {
    isLive: () => true,
    receiveFrame: (_socket: object, bytes: Buffer) => bytes.length === 1
      ? undefined
      : bytes.subarray(1)
  } as unknown as SocketTopics
  let seen: unknown[] = []
  const { stream, socket } = createMemorySocket({
    settings: { topics }, handler: (socket) => { seen = record(socket) }
  })
  stream.push(Buffer.concat([clientFrame(1, '\0'), clientFrame(1, '\0inside'), clientFrame(1, 'plain')]))
  await turn()
  t.same(seen, ['inside', 'plain'])
  t.equal(socket.traffic.messagesReceived, 3)
})

t.test('a message of any other client that begins with NUL is delivered unchanged', async (t) => {
  let seen: unknown[] = []
  const { stream } = createMemorySocket({ handler: (socket) => { seen = record(socket) } })
  stream.push(clientFrame(1, '\0plain'))
  await turn()
  t.same(seen, ['\0plain'])
})
