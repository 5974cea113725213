import t from 'tap'
import { openDeflateStream, openInflateStream, type ZlibStream } from '../../lib/deflate/zlib.js'
import { deflateInPool, enterPool, InflateJob, leavePool } from '../../lib/deflate/pool.js'
import type { Fault } from '../../lib/errors.js'
import { deflateAlone, inflateAlone, json } from '../fixtures/deflate.js'

const CORRUPT = 'FST_WIRE_INFLATE'

function deflate (stream: ZlibStream, payload: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflateInPool(stream, payload, (error, compressed) => error === undefined ? resolve(compressed) : reject(error))
  })
}

interface Outcome {
  fault: Fault | undefined
  data: Buffer
  kept: ZlibStream | undefined
}

function inflate (
  stream: ZlibStream, keepsContext: boolean, payload: Buffer, limit: number,
  beginning?: { pieces: Buffer[], at: number }
): Promise<Outcome> {
  return new Promise((resolve) => {
    const job = new InflateJob(
      openInflateStream, keepsContext, payload, limit, (fault, data, kept) => resolve({ fault, data, kept })
    )
    job.start(stream, beginning)
  })
}

const hasNoListeners = (stream: ZlibStream): boolean => stream.listenerCount('data') === 0 &&
  stream.listenerCount('error') === 1

t.test('four jobs run at once, the others in order', async (t) => {
  const started: number[] = []
  for (let i = 0; i < 7; i++) enterPool(() => started.push(i))
  t.strictSame(started, [0, 1, 2, 3])
  leavePool()
  t.strictSame(started, [0, 1, 2, 3, 4])
  leavePool()
  leavePool()
  t.strictSame(started, [0, 1, 2, 3, 4, 5, 6])
  for (let i = 0; i < 4; i++) leavePool()
  enterPool(() => started.push(7))
  t.equal(started.at(-1), 7)
  leavePool()
})

t.test('a stream compresses one message after another', async (t) => {
  const stream = openDeflateStream({})
  const first = await deflate(stream, json(200_000))
  t.ok(inflateAlone(first).equals(json(200_000)))
  t.ok(hasNoListeners(stream))
  const second = await deflate(stream, json(20_000))
  t.ok(second.length < first.length / 2)
  stream.close()
})

t.test('compression fails once when the stream fails', async (t) => {
  const stream = openDeflateStream({})
  const job = deflate(stream, json(200_000))
  stream.destroy(new Error('of the stream'))
  await t.rejects(job, { message: 'of the stream' })
  await t.rejects(deflate(stream, json(10)), { code: 'ERR_STREAM_DESTROYED' }, 'and for a stream that has failed')
})

t.test('a kept stream decompresses one message after another', async (t) => {
  const deflater = openDeflateStream({})
  const stream = openInflateStream({})
  for (const length of [100_000, 10, 700_000]) {
    const { fault, data, kept } = await inflate(stream, true, await deflate(deflater, json(length)), length)
    t.equal(fault, undefined)
    t.equal(kept, stream)
    t.ok(data.equals(json(length)))
    t.ok(hasNoListeners(stream))
  }
  deflater.close()
  stream.close()
})

t.test('a stream that is not kept is closed', async (t) => {
  const stream = openInflateStream({})
  const { data, kept } = await inflate(stream, false, deflateAlone(json(300_000)), 300_000)
  t.ok(data.equals(json(300_000)))
  t.equal(kept, undefined)
  t.ok(stream.destroyed)
})

t.test('a message continues where it stopped', async (t) => {
  const payload = deflateAlone(json(30_000))
  for (const keepsContext of [true, false]) {
    const stream = openInflateStream({})
    const pieces: Buffer[] = []
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    await new Promise((resolve) => stream.write(payload.subarray(0, 1_000), resolve))
    stream.removeAllListeners('data')
    t.ok(pieces.length > 0)
    const { data } = await inflate(stream, keepsContext, payload, 30_000, { pieces, at: 1_000 })
    t.ok(data.equals(json(30_000)))
    stream.close()
  }
})

for (const keepsContext of [true, false]) {
  t.test(`an error closes the stream, ${keepsContext ? 'kept' : 'not kept'}`, async (t) => {
    for (const [payload, limit, code] of [
      [Buffer.alloc(100, 0xff), 1_000, CORRUPT],
      [deflateAlone(Buffer.alloc(5_000_000)), 100_000, 'FST_WIRE_MESSAGE_SIZE'],
      [deflateAlone(Buffer.alloc(100)), 99, 'FST_WIRE_MESSAGE_SIZE'],
      // The last block ends in what was put behind the payload.
      [Buffer.from('05', 'hex'), 1_000, CORRUPT]
    ] as const) {
      const stream = openInflateStream({})
      const { fault, data, kept } = await inflate(stream, keepsContext, payload, limit)
      t.equal(fault?.code, code)
      t.equal(data.length, 0)
      t.equal(kept, undefined)
      t.ok(stream.destroyed)
      t.ok(hasNoListeners(stream))
    }
  })

  t.test(`the output is at most the limit and one chunk, ${keepsContext ? 'kept' : 'not kept'}`, async (t) => {
    const bomb = deflateAlone(Buffer.alloc(20_000_000))
    const stream = openInflateStream({})
    let length = 0
    stream.on('data', (piece: Buffer) => { length += piece.length })
    const closed = new Promise((resolve) => stream.on('close', resolve))
    const { fault } = await inflate(stream, keepsContext, bomb, 1_000_000)
    t.equal(fault?.code, 'FST_WIRE_MESSAGE_SIZE')
    await closed
    t.ok(length > 1_000_000 && length <= 1_000_000 + 65_536)
  })

  t.test(`a new stream follows a final block, ${keepsContext ? 'kept' : 'not kept'}`, async (t) => {
    const stream = openInflateStream({})
    const payload = Buffer.concat([Buffer.from('f348cdc9c90700', 'hex'), deflateAlone(json(1_000))])
    const { fault, data, kept } = await inflate(stream, keepsContext, payload, 2_000)
    t.equal(fault, undefined)
    t.strictSame(data, Buffer.concat([Buffer.from('Hello'), json(1_000)]))
    t.ok(stream.destroyed)
    t.equal(kept === undefined, !keepsContext)
    kept?.close()
  })

  t.test(`no stream follows the 64th final block, ${keepsContext ? 'kept' : 'not kept'}`, async (t) => {
    const { fault } = await inflate(openInflateStream({}), keepsContext, Buffer.concat([
      ...Array<Buffer>(65).fill(Buffer.from('0300', 'hex')), Buffer.from('00', 'hex')
    ]), 10)
    t.equal(fault?.code, CORRUPT)
  })
}
