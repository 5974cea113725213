import t from 'tap'
import { beginLifetime, endLifetime, expireAt, forgetExpiry } from '../../lib/socket/lifetime.js'
import { closeOf } from '../fixtures/client.js'
import { FakeClock, stopClock } from '../fixtures/clock.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'

t.test('a socket at the end of its lifetime closes with 1001, and a reason that asks to reconnect', async (t) => {
  const clock = stopClock(t)
  const { socket, stream, frames } = createMemorySocket()
  const moment = beginLifetime(socket, { longest: 40, jitter: 0 })
  clock.advance(39)
  t.equal(socket.readyState, socket.OPEN)
  clock.advance(1)
  await turn()
  const [frame] = frames()
  t.equal(frame!.payload.readUInt16BE(), 1001)
  t.equal(frame!.payload.toString('utf8', 2), 'connection lifetime reached: reconnect')
  const closed = closeOf(socket)
  stream.destroy()
  await closed
  endLifetime(socket, moment)
})

t.test('lifetimes are spread over the jitter, and never exceed the maximum', async (t) => {
  const { socket, stream } = createMemorySocket()
  const { now } = new FakeClock(t)
  const moments = Array.from({ length: 200 }, () => {
    const moment = beginLifetime(socket, { longest: 100_000, jitter: 0.5 })
    endLifetime(socket, moment)
    return moment - now
  })
  t.ok(Math.max(...moments) <= 100_001)
  t.ok(Math.min(...moments) >= 49_000)
  t.ok(Math.max(...moments) - Math.min(...moments) > 25_000)
  stream.destroy()
})

t.test('a socket closes at its expiry date, and not before', async (t) => {
  const clock = stopClock(t)
  const { socket, stream, frames } = createMemorySocket()
  socket.closeAt(new Date(Date.now() + 40))
  clock.advance(39)
  t.equal(socket.readyState, socket.OPEN)
  clock.advance(1)
  await turn()
  const [frame] = frames()
  t.equal(frame!.payload.readUInt16BE(), 1008)
  t.equal(frame!.payload.toString('utf8', 2), 'expired: reconnect with new credentials')
  stream.destroy()
})

t.test('an expiry date in the past closes at once, with the given code and reason', async (t) => {
  const { socket, frames } = createMemorySocket()
  socket.closeAt(Date.now() - 1, 4401, 'token expired')
  t.equal(socket.readyState, socket.CLOSING)
  await turn()
  t.equal(frames()[0]!.payload.readUInt16BE(), 4401)
  socket.terminate()
})

t.test('a new expiry date replaces the previous one, and the lifetime of the route', async (t) => {
  const clock = stopClock(t)
  const { socket, stream, frames } = createMemorySocket()
  const moment = beginLifetime(socket, { longest: 10, jitter: 0 })
  socket.closeAt(Date.now() + 20, 4001)
  socket.closeAt(Date.now() + 60, 4002)
  clock.advance(59)
  t.equal(socket.readyState, socket.OPEN)
  clock.advance(1)
  await turn()
  t.equal(frames()[0]!.payload.readUInt16BE(), 4002)
  stream.destroy()
  endLifetime(socket, moment)
})

t.test('an expiry of Infinity never closes, even if the route has a lifetime', async (t) => {
  const clock = stopClock(t)
  const { socket, stream } = createMemorySocket()
  socket.closeAt(Infinity)
  beginLifetime(socket, { longest: 10, jitter: 0 })
  clock.advance(1_000_000)
  t.equal(socket.readyState, socket.OPEN)
  t.equal(clock.timers.size, 0)
  stream.destroy()
})

t.test('an expiry date may be further away than the longest timer', async (t) => {
  const clock = stopClock(t)
  const { socket, stream } = createMemorySocket()
  socket.closeAt(Date.now() + 2 ** 33)
  clock.advance(2 ** 33 - 1)
  t.equal(socket.readyState, socket.OPEN)
  clock.advance(1)
  t.equal(socket.readyState, socket.CLOSING)
  stream.destroy()
})

t.test('an invalid expiry date throws, also the seconds of a JWT', async (t) => {
  const { socket, stream } = createMemorySocket()
  for (const wrong of [new Date('no'), NaN, 1_800_000_000, 0]) {
    t.throws(() => { socket.closeAt(wrong) }, { code: 'FST_WIRE_DATE', message: /closeAt\(exp \* 1000\)/ })
  }
  t.throws(() => { socket.closeAt(Date.now(), 1005) }, { code: 'FST_WIRE_CLOSE_CODE' })
  t.equal(socket.readyState, socket.OPEN)
  const closed = closeOf(socket)
  stream.destroy()
  await closed
  t.doesNotThrow(() => { socket.closeAt(Date.now()) })
})

t.test('a closed socket has no expiry timer', async (t) => {
  const { socket, stream } = createMemorySocket()
  forgetExpiry(socket)
  expireAt(socket, Date.now() + 60_000, 1008, '')
  forgetExpiry(socket)
  t.pass()
  stream.destroy()
})
