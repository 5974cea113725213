import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import t from 'tap'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import { Heartbeat } from '../../lib/socket/heartbeat.js'
import type { SocketObserver } from '../../lib/socket/observer.js'
import type { Inbound, Outbound } from '../../lib/socket/values.js'
import { context, type WireSocket } from '../../lib/socket/socket.js'
import { timers as clockwork } from '../../lib/timers.js'
import { closeOf } from '../fixtures/client.js'
import { deflateAlone, json, randomBytes } from '../fixtures/deflate.js'
import { clientFrame } from '../fixtures/frames.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'

const CLOSE = clientFrame(8, Buffer.from('03e8', 'hex'))
const LARGE = 70_000
const LARGE_BINARY = randomBytes(LARGE)
const heldFrame = (): Buffer => clientFrame(2, deflateAlone(LARGE_BINARY), { isCompressed: true })

const record = (socket: WireSocket): unknown[] => {
  const seen: unknown[] = []
  socket.on('message', (data) => { seen.push(Buffer.isBuffer(data) && data.length < 100 ? data.toString() : data) })
  socket.on('error', (error) => { seen.push(Reflect.get(error, 'code')) })
  socket.on('close', (code) => { seen.push(code) })
  return seen
}

const sent = (act: (callback: (error?: Error | null) => void) => void): Promise<Error | null | undefined> => new Promise((resolve) => { act(resolve) })

t.test('a conversation from its first message to its close', async (t) => {
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

t.test('a message for many is sent to one, counted, and called back', async (t) => {
  const { socket, frames } = createMemorySocket()
  const message = new PreparedMessage(Buffer.from('for many'), false, true)
  socket.send(message)
  t.notOk(await sent((callback) => { socket.send(message, callback) }))
  t.notOk(await sent((callback) => { socket.send(message, {}, callback) }))
  t.same(frames().map(({ opcode, payload }) => [opcode, payload.toString()]), Array(3).fill([1, 'for many']))
  t.same(socket.traffic, { messagesReceived: 0, bytesReceived: 0, messagesSent: 3, bytesSent: 24, messagesDropped: 0 })
})

t.test('what cannot be sent is thrown, or told to the callback', async (t) => {
  const { socket } = createMemorySocket({ version: 'hixie-76' })
  const binary = new PreparedMessage(Buffer.from('x'), true, true)
  t.throws(() => { socket.send(binary) }, { code: 'FST_WIRE_NOT_SUPPORTED' })
  t.throws(() => { socket.send(Buffer.from('x')) }, { code: 'FST_WIRE_NOT_SUPPORTED' })
  t.throws(() => { socket.ping() }, { code: 'FST_WIRE_NOT_SUPPORTED' })
  t.match(await sent((callback) => { socket.send(binary, callback) }), { code: 'FST_WIRE_NOT_SUPPORTED' })
  t.match(await sent((callback) => { socket.send(Buffer.from('x'), callback) }), { code: 'FST_WIRE_NOT_SUPPORTED' })
  t.match(await sent((callback) => { socket.pong('x', callback) }), { code: 'FST_WIRE_NOT_SUPPORTED' })
  socket.terminate()
  for (const act of [
    (callback?: () => void) => { socket.send(binary, callback) },
    (callback?: () => void) => { socket.send('x', callback) },
    (callback?: () => void) => { socket.ping(callback) }
  ]) {
    act()
    t.match(await sent(act), { code: 'FST_WIRE_NOT_OPEN' })
  }
})

t.test('a callback comes when a message has left, a ping too, and what it throws is contained', async (t) => {
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

t.test('drain is told when a slow stream has taken what waited', async (t) => {
  const { socket, stall } = createMemorySocket()
  const release = stall()
  let drains = 0
  socket.on('drain', () => { drains++ })
  socket.send(Buffer.alloc(100_000))
  await turn()
  socket.send('small')
  await turn()
  t.equal(drains, 0)
  release()
  await turn()
  t.equal(drains, 1)
})

t.test('callbacks of a large message come when it was compressed and has left, those behind it later', async (t) => {
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

t.test('a message that is being compressed when the socket is cut, or breaks off, is not said to be sent', async (t) => {
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

t.test('a stream that ends without a close is 1006, and no timer is left behind', async (t) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  for (const end of ['end', 'error', 'destroy'] as const) {
    const before = timers()
    const { socket, stream, closes } = createMemorySocket()
    const seen = record(socket)
    if (end === 'end') stream.push(null)
    else stream.destroy(end === 'error' ? Object.assign(new Error('broken'), { code: 'EBROKEN' }) : undefined)
    await closeOf(socket)
    t.same(seen, end === 'error' ? ['EBROKEN', 1006] : [1006])
    t.same(closes, [1006])
    t.equal(timers(), before, end)
    socket.terminate()
    t.equal(timers(), before, end)
  }
})

t.test('an error that nobody listens to is not thrown', async (t) => {
  const { socket, stream } = createMemorySocket()
  stream.destroy(new Error('broken'))
  t.equal(await closeOf(socket), 1006)
})

t.test('a peer that does not answer a close is cut', async (t) => {
  const { socket, stream } = createMemorySocket({ closeTimeout: 10 })
  socket.close(1000)
  socket.close(1001)
  t.equal(await closeOf(socket), 1006)
  t.equal(stream.destroyed, true)
})

t.test('messages wait until somebody listens, and a full inbox stops the reading', async (t) => {
  const { socket, stream } = createMemorySocket()
  stream.push(clientFrame(2, Buffer.alloc(60_000)))
  await turn()
  t.equal(stream.isPaused(), false)
  stream.push(clientFrame(2, Buffer.alloc(60_000)))
  stream.push(clientFrame(1, 'last'))
  await turn()
  t.equal(stream.isPaused(), true)
  const seen = record(socket)
  socket.addListener('message', () => {})
  t.same(seen, [])
  await turn()
  t.equal(stream.isPaused(), false)
  t.same(seen.map((data) => (data as string).length), [60_000, 60_000, 4])
})

t.test('pause and resume, and a close that waits for what came before it', async (t) => {
  const { socket, stream } = createMemorySocket()
  const seen = record(socket)
  socket.once('message', () => { socket.pause() })
  stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(1, 'b'), CLOSE]))
  stream.push(null)
  await once(stream, 'close')
  await turn()
  t.same(seen, ['a'])
  t.equal(socket.isPaused, true)
  t.equal(socket.readyState, socket.CLOSED)
  socket.pause()
  socket.resume()
  await turn()
  t.same(seen, ['a', 'b', 1000])
  const empty = createMemorySocket()
  empty.socket.pause()
  empty.socket.terminate()
  await once(empty.stream, 'close')
  t.equal(empty.socket.readyState, empty.socket.CLOSED)
  empty.socket.resume()
})

t.test('a close by us drops what nobody asked for, so that the answer gets through', async (t) => {
  const { socket, stream } = createMemorySocket()
  stream.push(clientFrame(2, Buffer.alloc(100_000)))
  await turn()
  t.equal(stream.isPaused(), true)
  socket.close(1000)
  t.equal(stream.isPaused(), false)
  stream.push(CLOSE)
  stream.push(null)
  t.equal(await closeOf(socket), 1000)
})

t.test('an async handler may come late for message and close, and what it rejects with is told', async (t) => {
  let proceed = (): void => {}
  const { socket, stream, errors } = createMemorySocket({
    handler: async () => {
      await new Promise<void>((resolve) => { proceed = resolve })
      record(socket)
      throw new Error('too late')
    }
  })
  stream.push(Buffer.concat([clientFrame(1, 'early'), CLOSE]))
  stream.push(null)
  await once(stream, 'close')
  const seen: unknown[] = []
  socket.once('close', (code) => { seen.push(code) })
  proceed()
  await turn()
  t.same(seen, [1000])
  t.match(errors, [{ message: 'too late' }])
})

t.test('what a handler or a listener throws is told, and the conversation goes on', async (t) => {
  const { socket, stream, errors } = createMemorySocket({ handler: () => { throw new Error('in the handler') } })
  socket.on('message', () => { throw new Error('in a listener') })
  socket.on('ping', async () => { throw new Error('in an async one') })
  stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(9)]))
  await turn()
  t.match(errors.map((error) => (error as Error).message).sort(), ['in a listener', 'in an async one', 'in the handler'])
  t.equal(socket.readyState, socket.OPEN)
})

t.test('those who ask get the messages one by one, and listeners after them', async (t) => {
  const { socket, stream } = createMemorySocket()
  const messages = socket[Symbol.asyncIterator]()
  const first = messages.next()
  stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(1, 'b'), clientFrame(1, 'c')]))
  t.same([(await first).value, (await messages.next()).value], ['a', 'b'])
  await messages.return?.()
  socket.binaryType = 'fragments'
  stream.push(clientFrame(2, 'd'))
  const seen = record(socket)
  await turn()
  t.same(seen, ['c', [Buffer.from('d')]])
  const ended = createMemorySocket()
  const last = ended.socket[Symbol.asyncIterator]()
  ended.stream.push(Buffer.concat([clientFrame(1, 'a'), CLOSE]))
  ended.stream.push(null)
  await closeOf(ended.socket)
  t.same([await last.next(), await last.next()], [{ done: false, value: 'a' }, { done: true, value: undefined }])
})

t.test('while a message is decompressed elsewhere nothing is read, and all comes in its order', async (t) => {
  const { socket, stream } = createMemorySocket({ isCompressed: true })
  const seen = record(socket)
  stream.push(Buffer.concat([heldFrame(), clientFrame(1, 'behind')]))
  await turn()
  t.equal(stream.isPaused(), true)
  socket.pause()
  socket.resume()
  t.equal(stream.isPaused(), true)
  stream.push(Buffer.concat([heldFrame(), clientFrame(1, 'last'), CLOSE]))
  stream.push(null)
  await closeOf(socket)
  t.same(seen, [LARGE_BINARY, 'behind', LARGE_BINARY, 'last', 1000])
})

t.test('a connection that is lost meanwhile still tells the message first', async (t) => {
  const { socket, stream, closes } = createMemorySocket({ isCompressed: true })
  const seen = record(socket)
  stream.push(Buffer.concat([heldFrame(), heldFrame(), clientFrame(1, 'behind')]))
  await turn()
  stream.destroy()
  await once(stream, 'close')
  t.same(seen, [])
  t.not(socket.readyState, socket.CLOSED)
  await closeOf(socket)
  t.same(seen, [LARGE_BINARY, LARGE_BINARY, 'behind', 1006])
  t.same(closes, [1006])
})

t.test('of compressed messages that nobody takes, few are kept', async (t) => {
  const text = 'a'.repeat(60_000)
  const bytes = Buffer.concat([...Array.from({ length: 100 }, (_, n) => clientFrame(1, deflateAlone(Buffer.from(`${text}${n}`)), { isCompressed: true })), CLOSE])
  t.ok(bytes.length < 16_384, 'they come in one piece')
  const { socket, stream } = createMemorySocket({ isCompressed: true })
  stream.push(bytes)
  stream.push(null)
  await turn()
  t.equal(socket.traffic.messagesReceived, 2)
  const numbers: number[] = []
  socket.on('message', (data) => { numbers.push(Number(String(data).slice(text.length))) })
  t.equal(await closeOf(socket), 1000)
  t.same(numbers, Array.from({ length: 100 }, (_, n) => n))
})

t.test('a connection that is lost with compressed messages that nobody takes is closed all the same', async (t) => {
  for (const size of [60_000, LARGE]) {
    const { socket, stream, closes } = createMemorySocket({ isCompressed: true, handler: () => new Promise(() => {}) })
    const message = (): Buffer => clientFrame(2, deflateAlone(size === LARGE ? LARGE_BINARY : Buffer.alloc(size)), { isCompressed: true })
    stream.push(Buffer.concat([message(), message(), message(), message()]))
    await turn()
    stream.destroy()
    await once(stream, 'close')
    while (closes.length === 0) await turn()
    t.same(closes, [1006])
    t.equal(socket.readyState, socket.CLOSED)
    t.equal(socket.traffic.messagesReceived, size === LARGE ? 1 : 2)
  }
})

t.test('a handler that waits for the close is told it, though nobody listened to what came before', async (t) => {
  const timers: Array<() => void> = []
  t.intercept(clockwork, 'setTimeout', {
    value: (callback: (...args: unknown[]) => void, _delay: number, ...args: unknown[]) => {
      timers.push(() => { callback(...args) })
      return { unref () {} }
    }
  })
  let isDone = false
  const { stream, closes } = createMemorySocket({
    handler: async (socket) => {
      await once(socket, 'close')
      isDone = true
    }
  })
  stream.push(Buffer.concat([clientFrame(1, 'unheard'), CLOSE]))
  stream.push(null)
  await once(stream, 'close')
  t.same(closes, [1000])
  t.equal(isDone, false)
  for (const fire of timers) fire()
  await turn()
  t.equal(isDone, true)
})

t.test('that messages are dropped unheard is told the owner', async (t) => {
  const timers: Array<() => void> = []
  t.intercept(clockwork, 'setTimeout', {
    value: (callback: (...args: unknown[]) => void, _delay: number, ...args: unknown[]) => {
      timers.push(() => { callback(...args) })
      return { unref () {} }
    }
  })
  let timesUnheard = 0
  const { socket, stream } = createMemorySocket({ observer: { onDiscard: () => { timesUnheard++ } } })
  for (let i = 0; i < 4; i++) stream.push(clientFrame(2, Buffer.alloc(40_000)))
  await turn()
  t.equal(stream.isPaused(), true)
  for (const fire of timers) fire()
  t.equal(timesUnheard, 1)
  stream.push(CLOSE)
  stream.push(null)
  t.equal(await closeOf(socket), 1000)
})

t.test('but not one that was terminated', async (t) => {
  const { socket, stream, closes } = createMemorySocket({ isCompressed: true })
  const seen = record(socket)
  stream.push(Buffer.concat([heldFrame(), clientFrame(1, 'behind')]))
  await turn()
  socket.terminate()
  await closeOf(socket)
  const other = createMemorySocket({ isCompressed: true })
  other.stream.push(heldFrame())
  await once(other.socket, 'message')
  t.same(seen, [1006])
  t.same(closes, [1006])
})

t.test('a listener that cuts the socket gets nothing of what was held', async (t) => {
  const { socket, stream } = createMemorySocket({ isCompressed: true })
  const seen = record(socket)
  socket.on('message', () => { socket.terminate() })
  stream.push(Buffer.concat([heldFrame(), clientFrame(1, 'behind')]))
  await closeOf(socket)
  t.same(seen, [LARGE_BINARY, 1006])
})

t.test('what awaits the close is told once it is', async (t) => {
  const { socket, stream } = createMemorySocket()
  const disposed = socket[Symbol.asyncDispose]()
  stream.push(CLOSE)
  stream.push(null)
  await disposed
  t.equal(socket.readyState, socket.CLOSED)
  await socket[Symbol.asyncDispose]()
})

t.test('a socket that is cut drops what waits', async (t) => {
  const { socket, stream } = createMemorySocket()
  stream.push(clientFrame(1, 'unheard'))
  await turn()
  socket.terminate()
  t.equal(await closeOf(socket), 1006)
  const seen = record(socket)
  await turn()
  t.same(seen, [])
})

t.test('text is iterated over as strings, what is binary as Buffers', async (t) => {
  const { socket, stream } = createMemorySocket()
  stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(2, 'b'), CLOSE]))
  stream.push(null)
  const seen: unknown[] = []
  for await (const message of socket) seen.push(message)
  t.same(seen, ['a', Buffer.from('b')])
})

// A route with a schema

const inbound: Inbound = {
  passesBinary: false,
  read: (data, isBinary) => {
    if (isBinary || data.length === 0) throw new Error('refused')
    return [data.toString()]
  }
}
const outbound: Outbound = {
  write: (value) => {
    if (value === undefined) throw new Error('not sent')
    return `<${String(value)}>`
  }
}

t.test('with a schema listeners get values, and what is refused is a failure', async (t) => {
  const { socket, stream, errors } = createMemorySocket({ settings: { inbound } })
  const seen: unknown[] = []
  socket.on('message', (value, isBinary) => { seen.push(value, isBinary) })
  socket.addEventListener('message', ({ data }) => { seen.push(data) })
  stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(1, ''), clientFrame(2, 'b'), clientFrame(1, 'c')]))
  await turn()
  t.same(seen, [['a'], false, ['a'], ['c'], false, ['c']])
  t.match(errors, [{ message: 'refused' }, { message: 'refused' }])
  socket.terminate()
})

t.test('with a schema values are iterated over, refused messages are passed by', async (t) => {
  const { socket, stream, errors } = createMemorySocket({ settings: { inbound } })
  stream.push(Buffer.concat([clientFrame(1, ''), clientFrame(1, 'a'), clientFrame(2, 'b'), clientFrame(1, 'c'), CLOSE]))
  stream.push(null)
  const seen: unknown[] = []
  t.equal(socket.stream().readableObjectMode, true)
  t.equal(socket[context], undefined)
  for await (const value of socket) seen.push(value)
  t.same(seen, [['a'], ['c']])
  t.equal(errors.length, 2)
})

t.test('with a schema binary messages may pass', async (t) => {
  const passing = { settings: { inbound: { ...inbound, passesBinary: true } } }
  const listening = createMemorySocket(passing)
  const seen: unknown[] = []
  listening.socket.binaryType = 'arraybuffer'
  listening.socket.on('message', (value, isBinary) => { seen.push(value instanceof ArrayBuffer, isBinary) })
  listening.stream.push(clientFrame(2, 'b'))
  await turn()
  t.same(seen, [true, true])
  listening.socket.terminate()
  const iterating = createMemorySocket(passing)
  iterating.stream.push(Buffer.concat([clientFrame(2, 'b'), clientFrame(1, 'c')]))
  const values = iterating.socket[Symbol.asyncIterator]()
  t.same([(await values.next()).value, (await values.next()).value], [Buffer.from('b'), ['c']])
  iterating.socket.terminate()
})

t.test('with a schema values are sent, but for what is binary or prepared', async (t) => {
  const { socket, frames } = createMemorySocket({ settings: { outbound } })
  socket.send(7)
  t.notOk(await sent((callback) => { socket.send('a', callback) }))
  t.notOk(await sent((callback) => { socket.send('b', { compress: false }, callback) }))
  socket.send('c', { binary: false })
  socket.send(new PreparedMessage(Buffer.from('d'), false, true))
  await turn()
  t.same(frames().map(({ opcode, payload }) => [opcode, payload.toString()]), [[1, '<7>'], [1, '<a>'], [1, '<b>'], [1, 'c'], [1, 'd']])
  t.throws(() => { socket.send(undefined as never) }, { message: 'not sent' })
  t.match(await sent((callback) => { socket.send(undefined as never, callback) }), { message: 'not sent' })
  socket.terminate()
  socket.send('after the end')
  t.match(await sent((callback) => { socket.send('after the end', callback) }), { code: 'FST_WIRE_NOT_OPEN' })
})

t.test('a fault is told to the owner, whoever else listens', async (t) => {
  const faults: Error[] = []
  const { socket, stream } = createMemorySocket({ observer: { onProtocolError: (error) => { faults.push(error) } } })
  stream.push(Buffer.from('810161', 'hex'))
  stream.push(null)
  t.equal(await closeOf(socket), 1006)
  t.match(faults, [{ code: 'FST_WIRE_MASK' }])
})

t.test('a message for a peer that is too slow meets the backpressure, for one or for many', async (t) => {
  const { socket, errors, cuts, stall } = createMemorySocket({ backpressure: { limit: 10, policy: 'drop' } })
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
  t.same([...errors, ...cuts], [])
})

t.test('a message that the backpressure lets pass is sent, for one or for many', async (t) => {
  const { socket } = createMemorySocket({ backpressure: { limit: 1_000, policy: 'latest' } })
  const message = new PreparedMessage(Buffer.alloc(100), true, true)
  for (let i = 0; i < 3; i++) {
    t.equal(socket.send(message), 'sent')
    t.equal(socket.send(Buffer.alloc(100)), 'sent')
    await turn()
  }
  t.equal(socket.traffic.messagesSent, 6)
})

t.test('the newest of the messages that are kept goes before a close', async (t) => {
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

t.test('pongs of the application are told where there is a heartbeat and where there is none', async (t) => {
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

t.test('a heartbeat adds a socket when it opens, hears its bytes, keeps its pongs to itself, and lets it go', async (t) => {
  let now = 0
  const heartbeat = new Heartbeat({ interval: 1_000, timeout: 1_000, idle: false }, () => now)
  const { socket, stream, frames, cuts } = createMemorySocket({ heartbeat })
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
  t.same(cuts, ['no answer to a ping within 1000 ms'])
  t.equal(heartbeat.size, 0)
})

t.test('a peer that floods pings while it reads nothing is answered the newest when it reads', async (t) => {
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

const RATE = { rate: 50, burst: 2, pauses: true }

t.test('over its rate a socket is closed with 1008, and what is too much is not told', async (t) => {
  let seen: unknown[] = []
  const { socket, stream, frames, closes } = createMemorySocket({ messageRate: { ...RATE, rate: 1, pauses: false }, handler: (socket) => { seen = record(socket) } })
  stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(1, 'b'), clientFrame(1, 'c'), clientFrame(1, 'd'), CLOSE]))
  await turn()
  stream.push(null)
  await closeOf(socket)
  t.same(seen, ['a', 'b', 1000])
  t.same(closes, [1000])
  t.same(frames().map(({ opcode, payload }) => [opcode, payload.toString('latin1')]), [[8, '\x03\xf0more than 2 messages at once, or 1 a second']])
  t.equal(socket.traffic.messagesReceived, 4)
})

t.test('or it reads no more until messages may come: then all of them come, in order, and the close behind them', async (t) => {
  for (const version of ['13', 'hixie-76'] as const) {
    let seen: unknown[] = []
    const { socket, stream } = createMemorySocket({ version, messageRate: RATE, handler: (socket) => { seen = record(socket) } })
    const wrap = (text: string): Buffer => version === '13' ? clientFrame(1, text) : Buffer.from(`\0${text}\xff`, 'latin1')
    stream.push(Buffer.concat([...['a', 'b', 'c', 'd', 'e', 'f'].map(wrap), version === '13' ? CLOSE : Buffer.from('ff00', 'hex')]))
    await turn()
    t.same(seen, ['a', 'b'])
    t.ok(stream.isPaused())
    stream.push(null)
    await closeOf(socket)
    t.same(seen, ['a', 'b', 'c', 'd', 'e', 'f', version === '13' ? 1000 : 1005])
  }
})

t.test('what the application pauses stays paused when messages may come again', async (t) => {
  const create = () => createMemorySocket({ messageRate: { ...RATE, burst: 1 } })
  const [{ socket, stream }, other] = [create(), create()]
  const seen = record(socket)
  const seenByOther = record(other.socket)
  for (const each of [stream, other.stream]) each.push(Buffer.concat(['a', 'b', 'c'].map((text) => clientFrame(1, text))))
  while (seen.length < 1) await turn()
  socket.pause()
  while (seenByOther.length < 3) await turn()
  t.equal(socket.traffic.messagesReceived, 1)
  t.ok(stream.isPaused())
  socket.resume()
  while (seen.length < 3) await turn()
  t.same(seen, ['a', 'b', 'c'])
  for (const each of [socket, other.socket]) {
    each.terminate()
    await closeOf(each)
  }
})

t.test('our close, and the end of the connection, do not wait for the rate', async (t) => {
  const slow = { rate: 0.001, burst: 2, pauses: true }
  const peer = () => {
    let seen: unknown[] = []
    const { socket, stream, closes } = createMemorySocket({ messageRate: slow, handler: (socket) => { seen = record(socket) } })
    stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(1, 'b'), clientFrame(1, 'c'), CLOSE]))
    return { socket, stream, closes, seen }
  }
  const closing = peer()
  await turn()
  closing.socket.close(1000)
  closing.stream.push(null)
  await closeOf(closing.socket)
  t.same(closing.seen, ['a', 'b', 1000])
  const lost = peer()
  await turn()
  lost.stream.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  await closeOf(lost.socket)
  // The close was read: that the connection broke behind it is no error.
  t.same(lost.seen, ['a', 'b', 1000])
  t.same(lost.closes, [1000])
  const cut = peer()
  await turn()
  cut.socket.terminate()
  await closeOf(cut.socket)
  t.same(cut.seen, ['a', 'b', 1006])
})

// Containment

t.test('a route that fails to handle an error cuts the socket, and one that fails to note the rest of it does no harm', async (t) => {
  const broken = (): never => { throw new Error('the route is broken') }
  const unhandled = createMemorySocket({ observer: { onError: broken } })
  const closed = closeOf(unhandled.socket)
  unhandled.socket.on('message', () => { throw new Error('a listener failed') })
  unhandled.stream.push(clientFrame(1, 'a'))
  t.equal(await closed, 1006)

  const { socket, stream, errors, frames } = createMemorySocket({ observer: { onProtocolError: broken, onTerminate: broken, onClose: broken } })
  const seen = record(socket)
  stream.push(Buffer.from('8100', 'hex'))
  await turn()
  t.match(frames(), [{ opcode: 8, payload: Buffer.from('03ea', 'hex') }])
  stream.push(null)
  await closeOf(socket)
  t.same(seen, ['FST_WIRE_MASK', 1006])
  t.same(errors.map((error) => (error as Error).message), ['the route is broken', 'the route is broken'])
})

t.test('a handler that returns something strange fails, and its socket goes on', async (t) => {
  const strange = { get then (): never { throw new Error('no promise') } }
  const { socket, errors } = createMemorySocket({ handler: () => strange })
  t.match(errors, [{ message: 'no promise' }])
  t.equal(socket.readyState, 1)
  socket.terminate()
  await closeOf(socket)
})

t.test('what is thrown while bytes are received fails the socket, and no other', async (t) => {
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

// The end without an answer

t.test('a peer that ends the connection behind its close has closed cleanly', async (t) => {
  for (const version of ['13', 'hixie-76'] as const) {
    const close = version === '13' ? clientFrame(8, Buffer.from('03e8', 'hex')) : Buffer.from('ff00', 'hex')
    for (const code of ['EPIPE', 'ECONNRESET']) {
      const faults: Error[] = []
      const { socket, stream, errors, closes } = createMemorySocket({
        version, observer: { onProtocolError: (error) => { faults.push(error) } }
      })
      const seen = record(socket)
      stream._write = (_chunk, _encoding, callback) => { callback(Object.assign(new Error(`write ${code}`), { code })) }
      stream.push(close)
      await closeOf(socket)
      t.same(seen, [version === '13' ? 1000 : 1005], `${version}, ${code}`)
      t.same([faults, errors], [[], []])
      t.same(closes, seen)
    }
  }
})

t.test('a connection that breaks before the close was read, with the close in what is left, has closed cleanly too', async (t) => {
  const count = 2_000
  const { socket, stream } = createMemorySocket({ version: 'hixie-76' })
  const seen = record(socket)
  const messages = Buffer.concat(Array.from({ length: count }, () => Buffer.from('0061ff', 'hex')))
  stream.push(Buffer.concat([messages, Buffer.from('ff00', 'hex')]))
  await new Promise((resolve) => { process.nextTick(resolve) })
  stream.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  await closeOf(socket)
  t.equal(seen.length, count + 1)
  t.equal(seen.at(-1), 1005)

  const broken = createMemorySocket({ version: 'hixie-76' })
  const told = record(broken.socket)
  broken.stream.push(messages)
  await new Promise((resolve) => { process.nextTick(resolve) })
  broken.stream.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  await closeOf(broken.socket)
  t.same(told.slice(count), ['ECONNRESET', 1006], 'without a close it has not')
})

// Turns

t.test('a flood is received in turns of the loop, its messages, answers and close in their order', async (t) => {
  const count = 3_000
  for (const version of ['13', 'hixie-76'] as const) {
    const { socket, stream, frames } = createMemorySocket({ version })
    const seen: string[] = []
    socket.on('message', (data) => { seen.push(String(data)) })
    const numbers = Array.from({ length: count }, (_, i) => i)
    const bytes = version === '13'
      ? [...numbers.flatMap((i) => [clientFrame(1, String(i)), clientFrame(9, String(i))]), clientFrame(8, Buffer.from('03e8', 'hex'))]
      : [...numbers.map((i) => Buffer.from(`\0${i}\xff`, 'latin1')), Buffer.from('ff00', 'hex')]
    const closed = closeOf(socket)
    stream.push(Buffer.concat(bytes))
    stream.push(null)
    let largest = 0
    for (let before = 0; seen.length < count; before = seen.length) {
      await turn()
      largest = Math.max(largest, seen.length - before)
    }
    t.ok(largest <= 512, `${largest} in one turn`)
    t.equal(await closed, version === '13' ? 1000 : 1005)
    t.same(seen, numbers.map(String))
    if (version === '13') t.same(frames().map(({ opcode, payload }) => opcode === 10 && String(payload)), [...numbers.map(String), false])
  }
})

t.test('between two turns of a flood other sockets are served', async (t) => {
  const flooding = createMemorySocket()
  const polite = createMemorySocket()
  let flood = 0
  flooding.socket.on('message', () => { flood++ })
  const served: number[] = []
  polite.socket.on('message', () => { served.push(flood) })
  flooding.stream.push(Buffer.concat(new Array<Buffer>(4_000).fill(clientFrame(2))))
  for (let i = 0; i < 5; i++) {
    polite.stream.push(clientFrame(1, 'a'))
    await turn()
  }
  t.equal(served.length, 5)
  t.ok(served.at(-1)! < 4_000 && served.at(-1)! > 0, String(served))
  for (const { socket } of [flooding, polite]) {
    socket.terminate()
    await closeOf(socket)
  }
})

// Channels

t.test('what comes and goes is published, where somebody follows', async (t) => {
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
  // A client of a test has no route to tell.
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
