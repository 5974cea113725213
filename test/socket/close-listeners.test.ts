import { EventEmitter } from 'node:events'
import t from 'tap'
import { CloseListeners, emitClose } from '../../lib/socket/close-listeners.js'
import { closeOf } from '../fixtures/client.js'
import { FakeClock } from '../fixtures/clock.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'

const unexpected = (): never => { throw new Error('unexpected') }

t.test('close listeners are called as by an EventEmitter, and their promises are collected', async (t) => {
  const emitter = new EventEmitter()
  const calls: unknown[] = []
  const failures: unknown[] = []
  t.equal(emitClose(emitter, [1000], unexpected, unexpected), false)
  emitter.once('close', function (this: EventEmitter, code) { calls.push([this === emitter, code]) })
  emitter.on('close', async () => { calls.push('second') })
  emitter.on('close', async () => { throw new Error('mine') })
  let running: Array<Promise<unknown>> = []
  const fail = (error: unknown): void => { failures.push(error) }
  t.equal(emitClose(emitter, [1000], fail, (promises) => { running = promises }), true)
  t.same(calls, [[true, 1000], 'second'])
  t.equal(running.length, 2)
  await Promise.all(running)
  t.match(failures, [{ message: 'mine' }])
  emitClose(emitter, [1000], fail, () => {})
  t.same(calls, [[true, 1000], 'second', 'second'])
})

t.test('an error of a close listener is thrown, and earlier promises are collected', async (t) => {
  const emitter = new EventEmitter()
  let running = 0
  emitter.on('close', async () => {}).on('close', () => { throw new Error('mine') })
  t.throws(
    () => { emitClose(emitter, [], unexpected, (promises) => { running = promises.length }) }, { message: 'mine' }
  )
  t.equal(running, 1)
})

t.test('a socket collects the asynchronous close listeners of both APIs', async (t) => {
  const handed: number[] = []
  const { socket, stream, errors } = createMemorySocket({
    observer: { onCloseListeners: (running) => { handed.push(running.length) } }
  })
  socket.on('close', async () => { throw new Error('mine') })
  socket.addEventListener('close', async () => {})
  const closed = closeOf(socket)
  stream.destroy()
  await closed
  await new Promise((resolve) => { setImmediate(resolve) })
  t.same(handed, [2])
  t.match(errors, [{ message: 'mine' }])
})

t.test('a socket without a collector of close listeners closes as usual', async () => {
  const { socket, stream } = createMemorySocket()
  socket.on('close', async () => {})
  const closed = closeOf(socket)
  stream.destroy()
  await closed
})

t.test('settled() waits for all pending listeners, as long as their time allows', async (t) => {
  const listeners = new CloseListeners()
  await listeners.settled()
  let finish = (): void => {}
  const slow = new Promise<void>((resolve) => { finish = resolve })
  listeners.add([slow, Promise.resolve()], 60_000)
  listeners.add([Promise.resolve()], 60_000)
  let isSettled = false
  const settled = listeners.settled().then(() => { isSettled = true })
  await new Promise((resolve) => { setImmediate(resolve) })
  t.notOk(isSettled)
  finish()
  await settled
  await listeners.settled()
})

t.test('settled() resolves at the time limit if listeners never settle', async (t) => {
  const clock = new FakeClock(t)
  const listeners = new CloseListeners()
  const never = new Promise<void>(() => {})
  listeners.add([never], 1)
  listeners.add([never], 30)
  let isSettled = false
  const settled = listeners.settled().then(() => { isSettled = true })
  clock.advance(29)
  await turn()
  t.notOk(isSettled)
  clock.advance(1)
  await settled
  const again = listeners.settled()
  clock.advance(0)
  await again
  listeners.add([Promise.resolve()], 60_000)
  await listeners.settled()
})
