import t, { type Test } from 'tap'
import type { BinaryType } from '../../lib/socket/sendable.js'
import { Receiver, type ReceiverHost } from '../../lib/socket/receiver.js'
import type { Inbound } from '../../lib/socket/values.js'
import { timers as clockwork } from '../../lib/timers.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { context } from '../../lib/socket/socket.js'
import { closeOf } from '../fixtures/client.js'
import { clientFrame } from '../fixtures/frames.js'
import { CLOSE, record } from '../fixtures/recording.js'

class RecordingHost implements ReceiverHost {
  readonly settings: { inbound: Inbound | undefined }
  binaryType: BinaryType = 'nodebuffer'
  hasListener = false
  endCode: number | undefined = undefined
  readonly heard: unknown[] = []
  readonly failures: unknown[] = []
  timesTaken = 0
  timesDiscarded = 0
  readonly reading: string[] = []
  readonly transport = { pause: () => { this.reading.push('pause') }, resume: () => { this.reading.push('resume') } }

  constructor (inbound?: Inbound) {
    this.settings = { inbound }
  }

  emitMessage (data: unknown, isBinary: boolean): void {
    this.heard.push([String(data), isBinary])
  }

  fail (error: unknown): void {
    this.failures.push(error)
  }

  onTaken (): void {
    this.timesTaken++
  }

  takeFrame (data: Buffer): Buffer | undefined {
    return data.length === 1 ? undefined : data
  }

  onDiscard (): void {
    this.timesDiscarded++
  }

  publish (): void {}

  close (code: number, reason: string): void {
    this.heard.push([code, reason])
  }
}

const inbound = (passesBinary: boolean): Inbound => ({
  passesBinary,
  read: (data, isBinary) => {
    if (isBinary || data.length === 0) throw new Error('refused')
    return [data.toString()]
  }
})

const text = (receiver: Receiver, data: string): boolean => receiver.deliver(Buffer.from(data), false)

/** Three messages, the first of them empty, that wait until they are taken one by one. */
const takeAll = async (host: ReceiverHost): Promise<unknown[]> => {
  const receiver = new Receiver(host)
  text(receiver, '')
  receiver.deliver(Buffer.from('binary'), true)
  text(receiver, 'text')
  const puller = receiver.pull()
  const values: unknown[] = []
  while (receiver.isWaiting) values.push((await puller.pull()).value)
  return values
}

t.test('a message is delivered to the listener at once, or queued until there is one', async (t) => {
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  receiver.schedule()
  t.equal(text(receiver, 'first'), true)
  host.hasListener = true
  t.equal(text(receiver, 'second'), true)
  t.same(host.heard, [], 'behind the first')
  receiver.schedule()
  receiver.schedule()
  await turn()
  t.equal(host.timesTaken, 1)
  text(receiver, 'third')
  t.same(host.heard, [['first', false], ['second', false], ['third', false]])
})

t.test('pause() holds new and queued messages', async (t) => {
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  host.hasListener = true
  receiver.pause()
  text(receiver, 'a')
  receiver.schedule()
  await turn()
  t.same(host.heard, [])
  t.equal(receiver.isWaiting, true)
  receiver.discard()
  t.equal(receiver.isWaiting, false)
})

t.test('a receiver is full with more than 64 KiB queued', async (t) => {
  const receiver = new Receiver(new RecordingHost())
  t.equal(receiver.isFull, false)
  t.equal(receiver.deliver(Buffer.alloc(65_000), true), true)
  t.equal(receiver.deliver(Buffer.alloc(1_000), true), false)
  t.equal(receiver.isFull, true)
})

t.test('a full queue has room again when half of it has been taken', async (t) => {
  const receiver = new Receiver(new RecordingHost())
  receiver.deliver(Buffer.alloc(25_000), true)
  receiver.deliver(Buffer.alloc(25_000), true)
  t.equal(receiver.deliver(Buffer.alloc(25_000), true), false)
  const puller = receiver.pull()
  await puller.pull()
  t.equal(receiver.isFull, true, '50,000 bytes wait')
  await puller.pull()
  t.equal(receiver.isFull, false, '25,000 bytes wait')
})

t.test('a listener receives binary messages in the type that binaryType names', async (t) => {
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  host.hasListener = true
  host.binaryType = 'arraybuffer'
  receiver.deliver(Buffer.from('b'), true)
  text(receiver, 't')
  t.same(host.heard, [['[object ArrayBuffer]', true], ['t', false]])
})

t.test('a listener with a schema receives values, and refused messages are failures', async (t) => {
  const host = new RecordingHost(inbound(true))
  const receiver = new Receiver(host)
  host.hasListener = true
  for (const data of ['', 'text']) text(receiver, data)
  receiver.deliver(Buffer.from('binary'), true)
  t.same(host.heard, [['text', false], ['binary', true]])
  t.match(host.failures, [{ message: 'refused' }])
})

t.test('pulled messages are strings for text and Buffers for binary', async (t) => {
  const host = new RecordingHost()
  t.same(await takeAll(host), ['', Buffer.from('binary'), 'text'])
  t.equal(host.timesTaken, 3)
})

t.test('a frame without a message is not delivered, but counts for the rate limit', async (t) => {
  const host = new RecordingHost()
  host.hasListener = true
  const receiver = new Receiver(host, { rate: 1, burst: 2, pauses: true })
  t.equal(receiver.receive(Buffer.from('\0'), false), true)
  t.equal(receiver.receive(Buffer.from('\0'), false), false, 'nothing more is allowed now')
  t.same(host.heard, [])
  t.equal(receiver.messagesReceived, 2)
  receiver.stopRate()
})

t.test('pulled messages with a schema are values, and refused ones are skipped', async (t) => {
  const host = new RecordingHost(inbound(false))
  t.same(await takeAll(host), [['text']])
  t.match(host.failures, [{ message: 'refused' }, { message: 'refused' }])
  const passing = new RecordingHost(inbound(true))
  t.same(await takeAll(passing), [Buffer.from('binary'), ['text']])
  t.equal(passing.failures.length, 1)
})

t.test('a pending pull receives the next message, or the end', async (t) => {
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  const puller = receiver.pull()
  t.equal(receiver.pull(), puller)
  t.equal(receiver.isPulled, true)
  const next = puller.pull()
  text(receiver, 'a')
  t.same(await next, { done: false, value: 'a' })
  const last = puller.pull()
  host.endCode = 1000
  receiver.end()
  t.same(await last, { done: true, value: undefined })
})

t.test('messages go to a listener again after stopPulling()', async (t) => {
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  receiver.end()
  receiver.pull()
  text(receiver, 'a')
  host.hasListener = true
  receiver.stopPulling()
  t.equal(receiver.isPulled, false)
  await turn()
  t.same(host.heard, [['a', false]])
})

/** Timers that are fired by hand. */
const interceptTimers = (t: Test): Array<{ delay: number, fire: () => void }> => {
  const timers: Array<{ delay: number, fire: () => void }> = []
  t.intercept(clockwork, 'setTimeout', {
    value: (callback: (...args: unknown[]) => void, delay: number, ...args: unknown[]) => {
      timers.push({ delay, fire: () => { callback(...args) } })
      return { unref () {} }
    }
  })
  return timers
}

const HALF = Buffer.alloc(40_000)

t.test('a full queue is discarded after ten seconds, and later messages until there is a listener', async (t) => {
  const timers = interceptTimers(t)
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  t.equal(receiver.deliver(HALF, true), true)
  t.equal(receiver.deliver(HALF, true), false)
  t.equal(receiver.deliver(HALF, true), false)
  t.match(timers, [{ delay: 10_000 }])
  timers[0]!.fire()
  t.equal(receiver.isWaiting, false)
  t.match(host, { timesDiscarded: 1, timesTaken: 1 })
  t.equal(text(receiver, 'unheard'), true)
  t.equal(receiver.isWaiting, false)
  host.hasListener = true
  text(receiver, 'heard')
  t.same(host.heard, [['heard', false]])
})

t.test('a full queue is kept for a listener that was added in time, or while paused', async (t) => {
  const timers = interceptTimers(t)
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  receiver.deliver(HALF, true)
  receiver.deliver(HALF, true)
  receiver.pause()
  timers[0]!.fire()
  t.equal(receiver.isFull, true)
  receiver.deliver(HALF, true)
  t.equal(timers.length, 1)
  receiver.resume()
  host.hasListener = true
  receiver.drain()
  t.equal(host.heard.length, 3)
})

t.test('a listener that is removed before it is called restarts the ten seconds', async (t) => {
  const timers = interceptTimers(t)
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  receiver.pause()
  receiver.deliver(HALF, true)
  receiver.deliver(HALF, true)
  receiver.resume()
  receiver.schedule()
  await new Promise<void>((resolve) => { process.nextTick(resolve) })
  t.match(timers, [{ delay: 10_000 }])
})

t.test('messages that delay a close are discarded after one second', async (t) => {
  const timers = interceptTimers(t)
  const host = new RecordingHost()
  const receiver = new Receiver(host)
  text(receiver, 'unheard')
  host.endCode = 1000
  receiver.holdClose()
  t.match(timers, [{ delay: 1_000 }])
  timers[0]!.fire()
  t.equal(receiver.isWaiting, false)
  t.match(host, { timesDiscarded: 0, timesTaken: 1 })
  timers[0]!.fire()
  t.equal(host.timesTaken, 1)
})

const refusing: Inbound = {
  passesBinary: false,
  read: (data, isBinary) => {
    if (isBinary || data.length === 0) throw new Error('refused')
    return [data.toString()]
  }
}
t.test('an iterator receives the messages one by one, and listeners receive later ones', async (t) => {
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

t.test('an iterator that returns ends its waiting calls, and leaves the messages to the other iterators', async (t) => {
  const { socket, stream } = createMemorySocket()
  const one = socket[Symbol.asyncIterator]()
  const other = socket[Symbol.asyncIterator]()
  const waiting = [one.next(), other.next(), one.next()]
  await one.return?.()
  await one.return?.()
  stream.push(Buffer.concat([clientFrame(1, 'a'), clientFrame(1, 'b')]))
  t.same(await Promise.all(waiting), [
    { done: true, value: undefined }, { done: false, value: 'a' }, { done: true, value: undefined }
  ])
  t.same(await one.next(), { done: true, value: undefined })
  t.same(await other.next(), { done: false, value: 'b' })
  const last = other.next()
  stream.push(CLOSE)
  stream.push(null)
  t.same(await last, { done: true, value: undefined })
})

t.test('the observer is notified when messages are discarded', async (t) => {
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

t.test('an iterator with a schema yields values, and skips refused messages', async (t) => {
  const { socket, stream, errors } = createMemorySocket({ settings: { inbound: refusing } })
  stream.push(Buffer.concat([clientFrame(1, ''), clientFrame(1, 'a'), clientFrame(2, 'b'), clientFrame(1, 'c'), CLOSE]))
  stream.push(null)
  const seen: unknown[] = []
  t.equal(socket.stream().readableObjectMode, true)
  t.equal(socket[context], undefined)
  for await (const value of socket) seen.push(value)
  t.same(seen, [['a'], ['c']])
  t.equal(errors.length, 2)
})
