import t from 'tap'
import { beginLifetime, endLifetime } from '../../lib/socket/lifetime.js'
import { closeOf } from '../fixtures/client.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'

t.test('a socket closes with 1001 when its time is over, and is told to connect again', async (t) => {
  const { socket, stream, frames } = createMemorySocket()
  const closing = new Promise<void>((resolve) => {
    const { close } = socket
    socket.close = function (...args) {
      close.apply(this, args)
      resolve()
    }
  })
  const before = performance.now()
  const moment = beginLifetime(socket, { longest: 40, jitter: 0 })
  // The shared timer keeps no process alive, so this one does.
  const alive = setInterval(() => {}, 1_000)
  await closing
  clearInterval(alive)
  t.ok(performance.now() - before > 35)
  await turn()
  const [frame] = frames()
  t.equal(frame!.payload.readUInt16BE(), 1001)
  t.equal(frame!.payload.toString('utf8', 2), 'the lifetime of this connection is over: connect again')
  const closed = closeOf(socket)
  stream.destroy()
  await closed
  endLifetime(socket, moment)
})

t.test('its end is spread over the jitter, and never later than the longest', async (t) => {
  const { socket, stream } = createMemorySocket()
  const now = performance.now()
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
