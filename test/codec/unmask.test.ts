import t from 'tap'
import { createUnmask, rotateKey } from '../../lib/codec/unmask.js'
import { checkUnmask } from '../fixtures/unmask.js'

t.test('unmask() decodes in TypeScript', async (t) => {
  const bytes = Buffer.alloc(1024)
  checkUnmask(t, bytes, createUnmask(new DataView(bytes.buffer, bytes.byteOffset, bytes.length)))
})

t.test('a key is rotated to the offset at which a payload continues', async (t) => {
  t.same([0, 1, 2, 3, 4, 1_000_001].map((length) => (rotateKey(0x04030201, length) >>> 0).toString(16)), [
    '4030201', '1040302', '2010403', '3020104', '4030201', '1040302'
  ])
})
