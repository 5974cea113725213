import t from 'tap'
import { isControl, isReserved } from '../../lib/codec/opcode.js'

t.test('the opcodes of RFC 6455 §11.8', async (t) => {
  const all = Array.from({ length: 16 }, (_, opcode) => opcode)
  t.same(all.filter((opcode) => isReserved(opcode)), [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
  t.same(all.filter((opcode) => !isReserved(opcode) && isControl(opcode)), [8, 9, 10])
})
