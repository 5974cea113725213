import t from 'tap'
import { PreparedValue } from '../../lib/socket/values.js'
import { createMemorySocket } from '../fixtures/memory.js'

/** A schema of numbers, which counts how often it is asked. */
function numbers (): { write (value: unknown): string, asked: number } {
  return {
    asked: 0,
    write (value) {
      this.asked++
      if (typeof value !== 'object') throw new TypeError('no object')
      return JSON.stringify(value)
    }
  }
}

t.test('a value is serialized once for each schema', async (t) => {
  const [first, second] = [numbers(), numbers()]
  const prepared = new PreparedValue({ x: 1 }, false)
  for (const writer of [first, first, second]) {
    t.match(prepared.formFor(writer), { payload: Buffer.from('{"x":1}'), isBinary: false, isCompressible: false })
  }
  t.equal(prepared.formFor(first), prepared.formFor(first))
  t.same([first.asked, second.asked], [1, 1])
})

t.test('a value without a schema is sent as data, if it is data', async (t) => {
  t.match(new PreparedValue('text', true).formFor(undefined), { payload: Buffer.from('text'), isBinary: false })
  t.match(new PreparedValue(Buffer.from([1]), true).formFor(undefined), { payload: Buffer.from([1]), isBinary: true })
  for (const value of [{ x: 1 }, true]) {
    t.throws(() => new PreparedValue(value, true).formFor(undefined), { code: 'FST_WIRE_DATA' })
  }
})

t.test('a socket sends a value in the form of its route', async (t) => {
  const settings = { outbound: numbers() }
  const { socket } = createMemorySocket({ settings })
  const prepared = new PreparedValue({ x: 1 }, true)
  socket.send(prepared)
  await socket.sent(prepared)
  t.match(socket.traffic, { messagesSent: 2, bytesSent: 14 })
  t.equal(settings.outbound.asked, 1)
})

t.test('a value that does not match is an error of send(), of its callback, or of sent()', async (t) => {
  const { socket } = createMemorySocket({ settings: { outbound: numbers() } })
  const prepared = new PreparedValue('text', true)
  t.throws(() => { socket.send(prepared) }, { message: 'no object' })
  const error = await new Promise((resolve) => { socket.send(prepared, resolve) })
  t.match(error, { message: 'no object' })
  await t.rejects(socket.sent(prepared), { message: 'no object' })
})
