import { once } from 'node:events'
import t from 'tap'
import { HANDLER_PENDING, INFLATING, PAUSED, Reading, THROTTLED } from '../../lib/socket/reading.js'
import { closeOf } from '../fixtures/client.js'
import { replaceTimers } from '../fixtures/clock.js'
import { deflateAlone } from '../fixtures/deflate.js'
import { clientFrame } from '../fixtures/frames.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { CLOSE, heldFrame, LARGE_BINARY, record } from '../fixtures/recording.js'

t.test('reading is stopped while there is a reason, and resumed by continueReading() only', async (t) => {
  const calls: string[] = []
  const reading = new Reading({
    transport: { pause: () => { calls.push('pause') }, resume: () => { calls.push('resume') } }
  })
  reading.continueReading()
  t.same([calls, reading.isStopped], [[], false])
  reading.stopReading(PAUSED)
  reading.stopReading(INFLATING)
  reading.stopReading(THROTTLED)
  for (const reason of [INFLATING, THROTTLED, PAUSED]) {
    reading.continueReading()
    t.ok(reading.has(reason))
    reading.clear(reason)
  }
  t.equal(reading.isStopped, true, 'until it is continued')
  reading.continueReading()
  reading.continueReading()
  t.same([calls, reading.isStopped], [['pause', 'pause', 'pause', 'resume'], false])
})

t.test('a pending handler does not stop reading', async (t) => {
  const reading = new Reading({ transport: { pause () {}, resume: () => { t.fail('it was not stopped') } } })
  t.ok(reading.has(HANDLER_PENDING))
  reading.continueReading()
  t.equal(reading.isStopped, false)
  reading.clear(HANDLER_PENDING)
  t.notOk(reading.has(HANDLER_PENDING))
})

const RATE = { rate: 50, burst: 2, pauses: true }

t.test('messages wait for a listener, and a full queue stops reading', async (t) => {
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

t.test('pause() and resume() hold messages, and a close waits for the messages before it', async (t) => {
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

t.test('nothing is read while a message is decompressed in another thread, and the order is kept', async (t) => {
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

t.test('few compressed messages are kept if nobody reads them', async (t) => {
  const text = 'a'.repeat(60_000)
  const bytes = Buffer.concat([
    ...Array.from(
      { length: 100 }, (_, n) => clientFrame(1, deflateAlone(Buffer.from(`${text}${n}`)), { isCompressed: true })
    ),
    CLOSE
  ])
  t.ok(bytes.length < 16_384, 'they come in one piece')
  // A turn does not end early on a slow machine.
  replaceTimers(t, { now: () => 0 })
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

t.test('a socket over its rate limit closes with 1008, without delivering the messages over the limit', async (t) => {
  let seen: unknown[] = []
  const { socket, stream, frames, closes } = createMemorySocket({
    messageRate: { ...RATE, rate: 1, pauses: false }, handler: (socket) => { seen = record(socket) }
  })
  stream.push(Buffer.concat([
    clientFrame(1, 'a'), clientFrame(1, 'b'), clientFrame(1, 'c'), clientFrame(1, 'd'), CLOSE
  ]))
  await turn()
  stream.push(null)
  await closeOf(socket)
  t.same(seen, ['a', 'b', 1000])
  t.same(closes, [1000])
  t.same(frames().map(({ opcode, payload }) => [opcode, payload.toString('latin1')]), [
    [8, '\x03\xf0message rate exceeded: at most 2 at once, 1 per second']
  ])
  t.equal(socket.traffic.messagesReceived, 4)
})

t.test('policy "pause" stops reading over the rate limit, then delivers everything in order', async (t) => {
  for (const version of ['13', 'hixie-76'] as const) {
    let seen: unknown[] = []
    const { socket, stream } = createMemorySocket({
      version, messageRate: RATE, handler: (socket) => { seen = record(socket) }
    })
    const wrap = (text: string): Buffer => version === '13'
      ? clientFrame(1, text)
      : Buffer.from(`\0${text}\xff`, 'latin1')
    stream.push(Buffer.concat([
      ...['a', 'b', 'c', 'd', 'e', 'f'].map(wrap), version === '13' ? CLOSE : Buffer.from('ff00', 'hex')
    ]))
    await turn()
    t.same(seen, ['a', 'b'])
    t.ok(stream.isPaused())
    stream.push(null)
    await closeOf(socket)
    t.same(seen, ['a', 'b', 'c', 'd', 'e', 'f', version === '13' ? 1000 : 1005])
  }
})

t.test('a socket that the application paused stays paused when its rate limit allows messages again', async (t) => {
  const create = () => createMemorySocket({ messageRate: { ...RATE, burst: 1 } })
  const [{ socket, stream }, other] = [create(), create()]
  const seen = record(socket)
  const seenByOther = record(other.socket)
  for (const each of [stream, other.stream]) {
    each.push(Buffer.concat(['a', 'b', 'c'].map((text) => clientFrame(1, text))))
  }
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

t.test('a flood is received in several turns of the loop, its messages, answers and close in order', async (t) => {
  const count = 3_000
  for (const version of ['13', 'hixie-76'] as const) {
    const { socket, stream, frames } = createMemorySocket({ version })
    const seen: string[] = []
    socket.on('message', (data) => { seen.push(String(data)) })
    const numbers = Array.from({ length: count }, (_, i) => i)
    const bytes = version === '13'
      ? [
          ...numbers.flatMap((i) => [clientFrame(1, String(i)), clientFrame(9, String(i))]),
          clientFrame(8, Buffer.from('03e8', 'hex'))
        ]
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
    if (version === '13') {
      t.same(frames().map(({ opcode, payload }) => opcode === 10 && String(payload)), [...numbers.map(String), false])
    }
  }
})

t.test('other sockets are served between the turns of a flood', async (t) => {
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
