import t from 'tap'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { Rest } from '../../lib/transport/rest.js'
import { createRandom } from '../fixtures/sink.js'

/** Takes everything, as much at a time as `take` says of a window; returns the bytes, and how many were copied. */
const takeAll = (rest: Rest, take: (length: number) => number): { bytes: Buffer, copied: number } => {
  const taken: Buffer[] = []
  let copied = 0
  while (!rest.isEmpty) {
    const length = rest.copyWindow()
    const part = take(length)
    copied += length
    taken.push(Buffer.from(receiveBuffer.bytes.subarray(0, part)))
    rest.skip(length, part)
  }
  return { bytes: Buffer.concat(taken), copied }
}

t.test('a rest returns its bytes in order, however much of a window is taken', async (t) => {
  const random = createRandom(3)
  const chunks = Array.from(
    { length: 40 }, () => Buffer.from(Array.from({ length: random(20_000) }, () => random(256)))
  )
  const rest = new Rest()
  t.ok(rest.isEmpty)
  t.equal(rest.copyWindow(), 0)
  for (const chunk of chunks) rest.push(chunk)
  t.notOk(rest.isEmpty)
  const { bytes } = takeAll(rest, (length) => random(length + 1))
  t.ok(bytes.equals(Buffer.concat(chunks)))
  rest.push(Buffer.from('more'))
  t.equal(takeAll(rest, (length) => length).bytes.toString(), 'more')
})

t.test('the copied bytes grow linearly with the bytes taken', async (t) => {
  for (const share of [300, 3_000, 30_000]) {
    for (const size of [1_000_000, 4_000_000]) {
      const rest = new Rest()
      rest.push(Buffer.alloc(size))
      const { copied } = takeAll(rest, (length) => Math.min(length, share))
      // A window has 4,096 bytes at least.
      t.ok(copied <= size * Math.max(3, 4_096 / share + 1), `${share} at a time of ${size}: ${copied}`)
    }
  }
})
