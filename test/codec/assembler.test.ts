import t from 'tap'
import { Assembler } from '../../lib/codec/assembler.js'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { maxMemoryFor } from '../fixtures/deflate.js'

/** Appends bytes by way of the page. */
const append = (assembly: Assembler, bytes: Buffer, announced = 0): void => {
  assembly.append(100, 100 + bytes.copy(receiveBuffer.bytes, 100), announced)
}

t.test('pieces are joined in order', async (t) => {
  const assembly = new Assembler()
  append(assembly, Buffer.from('ab'))
  append(assembly, Buffer.from('de'))
  t.equal(assembly.length, 4)
  t.equal(assembly.take().toString(), 'abde')
  t.equal(assembly.length, 0)
  t.equal(assembly.take().length, 0)
})

t.test('a message of one-byte pieces allocates only its own size', async (t) => {
  const assembly = new Assembler()
  for (let i = 0; i < 5_000; i++) append(assembly, Buffer.from('x'))
  const message = assembly.take()
  t.equal(message.toString(), 'x'.repeat(5_000))
  t.ok(message.buffer.byteLength <= maxMemoryFor(5_000))
})

t.test('memory for the announced length is allocated once an eighth of it has arrived', async (t) => {
  const assembly = new Assembler()
  append(assembly, Buffer.alloc(1_000), 8_000)
  for (let i = 0; i < 7; i++) append(assembly, Buffer.alloc(1_000), 8_000)
  const message = assembly.take()
  t.equal(message.length, 8_000)
  t.equal(message.buffer.byteLength, 8_000)
})

t.test('an announced length alone allocates nothing', async (t) => {
  const assembly = new Assembler()
  append(assembly, Buffer.alloc(1_000), 1_000_000_000)
  t.ok(assembly.take().buffer.byteLength <= maxMemoryFor(1_000))
})

t.test('eight times the received bytes are allocated, or twice as many without an announced length', async (t) => {
  const { allocUnsafeSlow } = Buffer
  t.teardown(() => { Buffer.allocUnsafeSlow = allocUnsafeSlow })
  const sizes: number[] = []
  Buffer.allocUnsafeSlow = (size) => {
    sizes.push(size)
    return allocUnsafeSlow(size)
  }
  append(new Assembler(), Buffer.alloc(2_000), 1_000_000)
  append(new Assembler(), Buffer.alloc(2_000), 3_000)
  append(new Assembler(), Buffer.alloc(2_000))
  t.same(sizes, [16_000, 3_000, 4_000])
})

t.test('a message that was taken is not changed by the next one', async (t) => {
  const assembly = new Assembler()
  append(assembly, Buffer.alloc(2_000, 'a'))
  const first = assembly.take()
  append(assembly, Buffer.alloc(2_000, 'b'))
  assembly.take()
  t.equal(first.toString(), 'a'.repeat(2_000))
})

t.test('fragments that each announce a little more are copied a few times, not once each', async (t) => {
  const assembly = new Assembler()
  const { copy } = Buffer.prototype
  t.teardown(() => { Buffer.prototype.copy = copy })
  let copied = 0
  Buffer.prototype.copy = function (this: Buffer, ...args: Parameters<typeof copy>) {
    const length = copy.apply(this, args)
    copied += length
    return length
  }
  // Two bytes each, of which one comes alone.
  const fragments = 20_000
  for (let i = 0; i < fragments; i++) {
    assembly.append(0, 1, 2 * (i + 1))
    assembly.append(1, 2, 2 * (i + 1))
  }
  t.equal(assembly.take().length, 2 * fragments)
  t.ok(copied < 10 * 2 * fragments, String(copied))
})
