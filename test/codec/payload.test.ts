import t from 'tap'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { takeBinary, takeText } from '../../lib/codec/payload.js'
import { rotateKey } from '../../lib/codec/unmask.js'

const KEY = 0x7856_3412

/** Lays a masked payload into the page, as a frame would have it. */
const lay = (payload: Buffer, start: number): number => {
  payload.copy(receiveBuffer.bytes, start)
  receiveBuffer.unmask(start, start + payload.length, KEY)
  return start + payload.length
}

t.test('payloads of every length are taken whole, at any offset', async (t) => {
  for (const start of [0, 1, 2, 3, 6, receiveBuffer.RECEIVE_BUFFER_SIZE - 300]) {
    for (let length = 0; length < 300; length++) {
      const payload = Buffer.alloc(length, 'abcdefg')
      receiveBuffer.bytes.fill(0xff, start, start + length + 8)
      const text = takeText(start, lay(payload, start), KEY)
      if (text?.equals(payload) !== true) t.fail(`${length} bytes of text at ${start}`)
      if (!takeBinary(start, lay(payload, start), KEY).equals(payload)) t.fail(`${length} bytes at ${start}`)
    }
  }
})

t.test('a taken payload stays unchanged when the receive buffer is reused', async (t) => {
  const taken = Array.from({ length: 2_000 }, (_, i) => takeBinary(0, lay(Buffer.from(`message ${i}`), 0), KEY))
  taken.forEach((data, i) => { if (data.toString() !== `message ${i}`) t.fail(`message ${i}`) })
})

t.test('text that is not UTF-8 is refused', async (t) => {
  for (const size of [3, 200]) {
    const valid = Buffer.alloc(size, 'ü'.repeat(2))
    valid.fill('x', size & ~1)
    t.ok(takeText(0, lay(valid, 0), KEY)?.equals(valid))
    const broken = Buffer.from(valid)
    broken[size - 2] = 0xff
    t.equal(takeText(0, lay(broken, 0), KEY), undefined)
  }
})

t.test('the key of a continued payload is rotated', async (t) => {
  const end = lay(Buffer.from('one two'), 0)
  t.equal(takeBinary(0, 3, KEY).toString() + takeBinary(3, end, rotateKey(KEY, 3)).toString(), 'one two')
})
