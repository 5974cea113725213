import { Duplex } from 'node:stream'
import t from 'tap'
import { PIECE_SIZE, writeTo } from '../../lib/transport/write.js'
import { randomBytes } from '../fixtures/deflate.js'

/** What was given to a stream at a time; the first write that `fail` says fails. */
const createNoting = ({ isHttp2 = true, fail = (_count: number): boolean => false } = {}) => {
  const sizes: number[] = []
  const all: Buffer[] = []
  const take = (bytes: Buffer, callback: (error: Error | null) => void): void => {
    sizes.push(bytes.length)
    all.push(bytes)
    setImmediate(callback, fail(sizes.length) ? new Error('no') : null)
  }
  const stream = Object.assign(new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, callback) { take(chunk, callback) },
    writev (chunks, callback) { take(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), callback) }
  }), isHttp2 ? { rstCode: 0 } : {})
  stream.on('error', () => {})
  return { stream, sizes, bytes: () => Buffer.concat(all) }
}

t.test('a large buffer is written in pieces over HTTP/2, in order', async (t) => {
  const source = randomBytes(1_000, 7)
  for (const lengths of [
    [PIECE_SIZE * 3], [PIECE_SIZE + 1], [10, PIECE_SIZE, 20], [PIECE_SIZE, 1], [1, 2, 3], [PIECE_SIZE * 2 + 5, 0, 7]
  ]) {
    const parts = lengths.map((length) => Buffer.alloc(length, source))
    const all = Buffer.concat(parts)
    const { stream, sizes, bytes } = createNoting()
    await new Promise<void>((resolve, reject) => {
      writeTo(
        stream, parts.length === 1 ? parts[0]! : parts, all.length,
        (error) => { if (error == null) resolve(); else reject(error) }
      )
    })
    t.ok(bytes().equals(all), String(lengths))
    t.equal(sizes.length, Math.ceil(all.length / PIECE_SIZE))
    t.ok(sizes.every((size) => size <= PIECE_SIZE))
  }
})

t.test('an error of one piece is the error of the whole write', async (t) => {
  const { stream, sizes } = createNoting({ fail: (count) => count === 2 })
  await t.rejects(new Promise<void>((resolve, reject) => {
    writeTo(
      stream, Buffer.alloc(PIECE_SIZE * 5), PIECE_SIZE * 5,
      (error) => { if (error == null) resolve(); else reject(error) }
    )
  }), { message: 'no' })
  t.equal(sizes.length, 2)
})

t.test('a large buffer is written at once to any other stream', async (t) => {
  const parts = [Buffer.alloc(PIECE_SIZE, 'a'), Buffer.alloc(PIECE_SIZE, 'b')]
  for (const bytes of [Buffer.concat(parts), parts]) {
    const { stream, sizes } = createNoting({ isHttp2: false })
    await new Promise<void>((resolve) => { writeTo(stream, bytes, PIECE_SIZE * 2, () => { resolve() }) })
    t.same(sizes, [PIECE_SIZE * 2])
  }
})
