import { once } from 'node:events'
import t from 'tap'
import { Compression } from '../../lib/protocol/compression.js'
import { Lifecycle } from '../../lib/socket/lifecycle.js'
import { timers as clockwork } from '../../lib/timers.js'
import { closeOf } from '../fixtures/client.js'
import { deflateAlone } from '../fixtures/deflate.js'
import { clientFrame } from '../fixtures/frames.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { CLOSE, heldFrame, LARGE, LARGE_BINARY, record } from '../fixtures/recording.js'

class Recording extends Lifecycle {
  isHeld = false
  readonly calls: string[] = []

  protected override get isCloseHeld (): boolean {
    return this.isHeld
  }

  protected override destroy (): void {
    this.calls.push('destroy')
  }

  protected override emitClose (): void {
    this.calls.push('close')
  }
}

t.test('a lifecycle goes from open to a single close', async (t) => {
  const lifecycle = new Recording()
  const states = (): boolean[] => [lifecycle.isDisconnected, lifecycle.isEnded, lifecycle.isClosed]
  lifecycle.tryEmitClose()
  t.same(states(), [false, false, false])
  lifecycle.disconnect()
  t.same(states(), [true, false, false])
  lifecycle.finish()
  lifecycle.disconnect()
  t.same(states(), [true, true, false])
  lifecycle.isHeld = true
  lifecycle.tryEmitClose()
  t.same(lifecycle.calls, [])
  lifecycle.isHeld = false
  for (let i = 0; i < 2; i++) {
    lifecycle.tryEmitClose()
    lifecycle.finish()
  }
  t.same(lifecycle.calls, ['close'])
  t.same(states(), [true, true, true])
})

t.test('the close timer is set once, when the closing begins, and not for a closed stream', async (t) => {
  const delays: number[] = []
  let fire = (): void => {}
  t.intercept(clockwork, 'setTimeout', {
    value: (callback: () => void, delay: number) => {
      fire = callback
      delays.push(delay)
    }
  })
  const closing = new Recording()
  closing.startClosing(5)
  closing.startClosing(6)
  const gone = new Recording()
  gone.disconnect()
  gone.startClosing(7)
  t.same(delays, [5])
  fire()
  t.same(closing.calls, ['destroy'])
})

t.test('a stream that ends without a close frame closes with 1006, and leaves no timer', async (t) => {
  const { setTimeout, clearTimeout } = clockwork
  const running = new Set<unknown>()
  let count = 0
  t.intercept(clockwork, 'setTimeout', {
    value: (...args: Parameters<typeof setTimeout>) => {
      const timer = setTimeout(...args)
      running.add(timer)
      count++
      return timer
    }
  })
  t.intercept(clockwork, 'clearTimeout', {
    value: (timer: NodeJS.Timeout | undefined) => {
      running.delete(timer)
      clearTimeout(timer)
    }
  })
  for (const end of ['end', 'error', 'destroy'] as const) {
    const { socket, stream, closes } = createMemorySocket()
    const seen = record(socket)
    if (end === 'end') stream.push(null)
    else stream.destroy(end === 'error' ? Object.assign(new Error('broken'), { code: 'EBROKEN' }) : undefined)
    await closeOf(socket)
    t.same(seen, end === 'error' ? ['EBROKEN', 1006] : [1006])
    t.same(closes, [1006])
    t.equal(running.size, 0, end)
    socket.terminate()
    t.equal(running.size, 0, end)
  }
  t.equal(count, 1, 'only the end of a side begins a closing')
})

t.test('an error event without a listener does not throw', async (t) => {
  const { socket, stream } = createMemorySocket()
  stream.destroy(new Error('broken'))
  t.equal(await closeOf(socket), 1006)
})

t.test('a peer that does not answer a close is disconnected', async (t) => {
  const { socket, stream } = createMemorySocket({ closeTimeout: 10 })
  socket.close(1000)
  socket.close(1001)
  t.equal(await closeOf(socket), 1006)
  t.equal(stream.destroyed, true)
})

t.test('close() drops messages that nobody reads, so that the answer is received', async (t) => {
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

t.test('an async handler may add listeners late, and its rejection reaches the observer', async (t) => {
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

t.test('a connection lost during decompression delivers the message before the close', async (t) => {
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

t.test('a lost connection frees its protocol and compressor', async (t) => {
  let closed = 0
  const { close } = Compression.prototype
  t.intercept(Compression.prototype, 'close', { value (this: Compression) { closed++; close.call(this) } })
  const { socket, stream } = createMemorySocket({ isCompressed: true })
  const over = closeOf(socket)
  stream.destroy()
  t.equal(await over, 1006)
  t.equal(closed, 1)
})

t.test('a lost connection with unread compressed messages closes all the same', async (t) => {
  for (const size of [60_000, LARGE]) {
    const { socket, stream, closes } = createMemorySocket({ isCompressed: true, handler: () => new Promise(() => {}) })
    const message = (): Buffer => clientFrame(
      2, deflateAlone(size === LARGE ? LARGE_BINARY : Buffer.alloc(size)), { isCompressed: true }
    )
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

t.test('a handler that waits for the close receives it, although earlier messages had no listener', async (t) => {
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

t.test('a terminated socket receives no message that was being decompressed', async (t) => {
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

t.test('a listener that terminates the socket receives no more queued messages', async (t) => {
  const { socket, stream } = createMemorySocket({ isCompressed: true })
  const seen = record(socket)
  socket.on('message', () => { socket.terminate() })
  stream.push(Buffer.concat([heldFrame(), clientFrame(1, 'behind')]))
  await closeOf(socket)
  t.same(seen, [LARGE_BINARY, 1006])
})

t.test('terminate() drops the queued messages', async (t) => {
  const { socket, stream } = createMemorySocket()
  stream.push(clientFrame(1, 'unheard'))
  await turn()
  socket.terminate()
  t.equal(await closeOf(socket), 1006)
  const seen = record(socket)
  await turn()
  t.same(seen, [])
})

t.test('close() and the end of the connection do not wait for the rate limit', async (t) => {
  const slow = { rate: 0.001, burst: 2, pauses: true }
  const peer = () => {
    let seen: unknown[] = []
    const { socket, stream, closes } = createMemorySocket({
      messageRate: slow, handler: (socket) => { seen = record(socket) }
    })
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
  const terminated = peer()
  await turn()
  terminated.socket.terminate()
  await closeOf(terminated.socket)
  t.same(terminated.seen, ['a', 'b', 1006])
})

t.test('a peer that ends the connection after its close frame has closed cleanly', async (t) => {
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

t.test('a connection that breaks with an unread close frame in its buffer has closed cleanly', async (t) => {
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
