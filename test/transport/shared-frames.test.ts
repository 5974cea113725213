import t from 'tap'
import { SharedFrames } from '../../lib/transport/shared-frames.js'

const [a, b, c] = ['a', 'b', 'c'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer]

t.test('receivers of the same frames share one buffer, joined once', async (t) => {
  const first = SharedFrames.of(a).with(b).with(c)
  const second = SharedFrames.of(a).with(b).with(c)
  t.equal(second, first)
  t.equal(first.length, 3)
  t.equal(first.bytes?.toString(), 'abc')
  t.equal(second.bytes, first.bytes)
})

t.test('a single frame is not copied', async (t) => {
  t.equal(SharedFrames.of(a).bytes, a)
})

t.test('another frame starts another buffer', async (t) => {
  const run = SharedFrames.of(a).with(b)
  t.equal(SharedFrames.of(a).with(c).bytes?.toString(), 'ac')
  t.equal(run.bytes?.toString(), 'ab')
  t.equal(SharedFrames.of(b).bytes, b)
})

t.test('large frames stay separate', async (t) => {
  const large = Buffer.alloc(40_000)
  const run = SharedFrames.of(large).with(a).with(large)
  t.equal(run.bytes, undefined)
  t.same(run.parts.map(({ length }) => length), [40_000, 1, 40_000])
})

t.test('shared buffers are released', async (t) => {
  const run = SharedFrames.of(a)
  SharedFrames.release()
  t.not(SharedFrames.of(a), run)
})
