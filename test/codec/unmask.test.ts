import t from 'tap'
import { swapBytes, unmask } from '../../lib/codec/unmask.js'

t.test('every offset, length and phase gives what a byte loop gives', async (t) => {
  const key = Buffer.from([0x9f, 0x12, 0x00, 0xc4])
  const mask = key.readInt32LE()
  for (let start = 0; start < 8; start++) {
    for (const length of [0, 1, 3, 4, 31, 32, 33, 34, 35, 36, 100]) {
      for (let phase = 0; phase < 6; phase++) {
        const bytes = Buffer.from(new ArrayBuffer(120)).map((_, i) => i)
        const expected = bytes.map((byte, i) => i >= start && i < start + length ? byte ^ key[(phase + i - start) & 3]! : byte)
        unmask(bytes as Buffer, start, start + length, mask, phase)
        if (!Buffer.from(expected).equals(bytes)) t.fail(`start ${start}, length ${length}, phase ${phase}`)
      }
    }
  }
  t.pass()
})

t.test('swapBytes turns the order of bytes', async (t) => {
  t.equal(swapBytes(0x01020304), 0x04030201)
  t.equal(swapBytes(0x01020384) >>> 0, 0x84030201)
})
