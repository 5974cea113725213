import t from 'tap'
import { decodeClose, encodeClose, isCloseCode } from '../../lib/protocol/close.js'

t.test('codes that are valid in a close frame are accepted', async (t) => {
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1014, 3000, 3999, 4000, 4999]) {
    t.ok(isCloseCode(code), String(code))
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
    t.notOk(isCloseCode(code), String(code))
  }
})

t.test('an encoded code and reason are decoded unchanged', async (t) => {
  t.equal(encodeClose(undefined).length, 0)
  t.equal(encodeClose(undefined, '').length, 0)
  t.equal(encodeClose(1000).toString('hex'), '03e8')
  t.match(decodeClose(encodeClose(4000, 'grüß')), { code: 4000, reason: Buffer.from('grüß') })
  t.match(decodeClose(encodeClose(4000, Buffer.from('bye'))), { code: 4000, reason: Buffer.from('bye') })
  t.match(decodeClose(Buffer.alloc(0)), { code: 1005, reason: Buffer.alloc(0) })
  const bytes = Uint8Array.from(Buffer.from('a bye'))
  const others = [bytes.subarray(2), new DataView(bytes.buffer, 2), bytes.buffer.slice(2)]
  for (const reason of others) t.match(decodeClose(encodeClose(4000, reason)), { reason: Buffer.from('bye') })
})

t.test('a code or reason that may not be sent throws', async (t) => {
  for (const code of [1005, 1000.5, Number.NaN, 5000]) {
    t.throws(() => encodeClose(code), { code: 'FST_WIRE_CLOSE_CODE' })
  }
  t.throws(() => encodeClose(undefined, 'why'), { code: 'FST_WIRE_CLOSE_CODE' })
  t.equal(encodeClose(1000, 'é'.repeat(61)).length, 124)
  t.throws(() => encodeClose(1000, 'é'.repeat(62)), { code: 'FST_WIRE_CLOSE_REASON' })
})

t.test('a received close with an invalid code or reason is a protocol error', async (t) => {
  t.match(decodeClose(Buffer.from([3])), { closeCode: 1002, code: 'FST_WIRE_CLOSE_PAYLOAD' })
  t.match(decodeClose(Buffer.from('03ed', 'hex')), { closeCode: 1002, code: 'FST_WIRE_CLOSE_CODE_RECEIVED' })
  t.match(decodeClose(Buffer.from('03e8ff', 'hex')), { closeCode: 1007, code: 'FST_WIRE_UTF8' })
})
