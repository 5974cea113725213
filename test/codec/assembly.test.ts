import t from 'tap'
import { Assembly } from '../../lib/codec/assembly.js'

t.test('pieces are joined in their order', async (t) => {
  const assembly = new Assembly()
  const bytes = Buffer.from('abcdef')
  assembly.append(bytes, 0, 2)
  assembly.append(bytes, 3, 5)
  t.equal(assembly.length, 4)
  t.equal(assembly.take().toString(), 'abde')
  t.equal(assembly.length, 0)
  t.equal(assembly.take().length, 0)
})

t.test('a message of one-byte pieces holds no more than its own memory', async (t) => {
  const assembly = new Assembly()
  const byte = Buffer.from('x')
  for (let i = 0; i < 5_000; i++) assembly.append(byte, 0, 1)
  const message = assembly.take()
  t.equal(message.toString(), 'x'.repeat(5_000))
  t.ok(message.buffer.byteLength <= 8_192)
})

t.test('what was taken is not touched by the next message', async (t) => {
  const assembly = new Assembly()
  assembly.append(Buffer.alloc(2_000, 'a'), 0, 2_000)
  const first = assembly.take()
  assembly.append(Buffer.alloc(2_000, 'b'), 0, 2_000)
  assembly.take()
  t.equal(first.toString(), 'a'.repeat(2_000))
})
