import t from 'tap'
import { createDeflater, DEFLATE_SYNC_UP_TO } from '../../lib/deflate/deflate.js'
import {
  agreed, deflate, deflateLater, inflateAlone, json, messages, maxMemoryFor, randomBytes, SETTINGS, WsClient
} from '../fixtures/deflate.js'

for (const isRunnable of [true, false]) {
  const mode = isRunnable ? 'run on the spot' : 'without the insides of zlib'

  t.test(`${mode}: a message without context takeover is self-contained`, async (t) => {
    for (let windowBits = 9; windowBits <= 15; windowBits++) {
      const deflater = createDeflater(agreed(false, windowBits), SETTINGS, isRunnable)
      for (const [i, message] of messages().entries()) {
        if (!inflateAlone(await deflate(deflater, message)).equals(message)) {
          t.fail(`message ${i} with ${windowBits} bits`)
        }
      }
    }
    t.pass()
  })

  t.test(`${mode}: another implementation decompresses it`, async (t) => {
    for (const keepsContext of [true, false]) {
      for (let windowBits = 9; windowBits <= 15; windowBits++) {
        const client = new WsClient(keepsContext, windowBits)
        const deflater = createDeflater(agreed(keepsContext, windowBits), SETTINGS, isRunnable)
        for (const [i, message] of messages().entries()) {
          const decompressed = await client.decompress(await deflate(deflater, message))
          if (!decompressed.equals(message)) t.fail(`message ${i} with ${windowBits} bits, ${keepsContext}`)
        }
        deflater.close()
        client.close()
      }
    }
    t.pass()
  })

  t.test(`${mode}: messages of a shared compressor do not refer to earlier ones`, async (t) => {
    const deflater = createDeflater(agreed(false), SETTINGS, isRunnable)
    const secret = json(2_000, 8)
    const alone = deflater.deflate(secret)
    for (const message of messages()) {
      await deflate(deflater, message)
      t.strictSame(deflater.deflate(secret), alone)
    }
  })

  t.test(`${mode}: the window is not exceeded`, async (t) => {
    const half = randomBytes(5_000, 3)
    const message = Buffer.concat([half, half])
    for (const keepsContext of [true, false]) {
      const of = async (windowBits: number) => {
        const deflater = createDeflater(agreed(keepsContext, windowBits), SETTINGS, isRunnable)
        const { length } = await deflate(deflater, message)
        deflater.close()
        return length
      }
      t.ok(await of(15) < 6_000)
      t.ok(await of(9) > 9_000)
    }
  })

  t.test(`${mode}: with context takeover a repeated message costs next to nothing`, async (t) => {
    const deflater = createDeflater(agreed(true), SETTINGS, isRunnable)
    t.ok((await deflate(deflater, json(4_000))).length > 300)
    t.ok((await deflate(deflater, json(4_000))).length < 100)
    t.ok((await deflateLater(deflater, json(4_000))).length < 100, 'in the thread pool as well')
    t.ok((await deflate(deflater, json(4_000))).length < 100, 'and after it')
    deflater.close()
  })

  t.test(`${mode}: an empty message is one byte`, async (t) => {
    const client = new WsClient(true, 15)
    const deflater = createDeflater(agreed(true), SETTINGS, isRunnable)
    const shared = createDeflater(agreed(false), SETTINGS, isRunnable)
    t.equal(shared.deflate(Buffer.alloc(0)).toString('hex'), '00')
    for (let i = 0; i < 3; i++) {
      const compressed = await deflate(deflater, Buffer.alloc(0))
      t.equal((await client.decompress(compressed)).length, 0)
      const message = await deflate(deflater, json(50))
      t.strictSame(await client.decompress(message), json(50))
    }
    deflater.close()
    client.close()
  })

  t.test(`${mode}: the result holds no more memory than it needs, and is not overwritten`, async (t) => {
    const deflater = createDeflater(agreed(false), SETTINGS, isRunnable)
    const first = deflater.deflate(json(30_000))
    const copy = Buffer.from(first)
    deflater.deflate(randomBytes(40_000))
    t.strictSame(first, copy)
    t.ok(first.buffer.byteLength <= maxMemoryFor(first.length))
    const later = await deflateLater(deflater, json(100_000))
    t.ok(later.buffer.byteLength <= maxMemoryFor(later.length))
  })

  t.test(`${mode}: many jobs at once all complete, in the pool and beside it`, async (t) => {
    const deflater = createDeflater(agreed(false), SETTINGS, isRunnable)
    const all = Array.from({ length: 20 }, (_, seed) => json(70_000, seed))
    const jobs = all.map((message) => deflateLater(deflater, message))
    t.strictSame(inflateAlone(deflater.deflate(json(500))), json(500))
    for (const [i, compressed] of (await Promise.all(jobs)).entries()) t.ok(inflateAlone(compressed).equals(all[i]!))
  })

  t.test(`${mode}: a kept context compresses one message at a time`, async (t) => {
    const deflater = createDeflater(agreed(true), SETTINGS, isRunnable)
    const job = deflateLater(deflater, json(70_000))
    t.throws(() => deflater.deflate(json(10)), { code: 'FST_WIRE_COMPRESSION_BUSY' })
    t.throws(() => deflater.deflateLater(json(10), () => {}), { code: 'FST_WIRE_COMPRESSION_BUSY' })
    await job
    await deflate(deflater, json(10))
    deflater.close()
  })

  t.test(`${mode}: a job that runs when its context is closed completes`, async (t) => {
    for (const keepsContext of [true, false]) {
      const deflater = createDeflater(agreed(keepsContext), SETTINGS, isRunnable)
      await deflate(deflater, json(10))
      const jobs = [deflateLater(deflater, json(300_000))]
      deflater.close()
      deflater.close()
      const [compressed] = await Promise.all(jobs)
      t.ok(compressed !== undefined && compressed.length > 1_000)
    }
  })
}

t.test('an incompressible payload may exceed the working buffer', async (t) => {
  const deflater = createDeflater(agreed(false), { ...SETTINGS, memLevel: 1 }, true)
  for (const length of [65_536, 66_000, 66_450, ...Array.from({ length: 40 }, (_, i) => 66_520 + i), 150_000]) {
    const message = randomBytes(length)
    if (!inflateAlone(deflater.deflate(message)).equals(message)) t.fail(`${length} bytes`)
  }
  t.pass()
})

t.test('large messages are compressed in the thread pool', async (t) => {
  t.equal(createDeflater(agreed(false), SETTINGS, true).syncUpTo, DEFLATE_SYNC_UP_TO)
  t.equal(createDeflater(agreed(true), SETTINGS, true).syncUpTo, DEFLATE_SYNC_UP_TO)
  t.equal(createDeflater(agreed(false), { ...SETTINGS, level: 6 }, true).syncUpTo, DEFLATE_SYNC_UP_TO / 2)
  t.equal(createDeflater(agreed(false), SETTINGS, false).syncUpTo, DEFLATE_SYNC_UP_TO)
  t.equal(
    createDeflater(agreed(true), SETTINGS, false).syncUpTo, -1,
    'at once for a kept context that cannot be run on the spot'
  )
})

t.test('connections with the same parameters share a compressor', async (t) => {
  const one = createDeflater(agreed(false), SETTINGS)
  t.equal(createDeflater(agreed(false), { ...SETTINGS, threshold: 0 }), one)
  t.not(createDeflater(agreed(false, 12), SETTINGS), one)
  t.not(createDeflater(agreed(false), { ...SETTINGS, level: 1 }), one)
  t.not(createDeflater(agreed(false), { ...SETTINGS, memLevel: 9 }), one)
  t.not(createDeflater(agreed(true), SETTINGS), createDeflater(agreed(true), SETTINGS))
  one.close()
  t.strictSame(inflateAlone(one.deflate(json(100))), json(100), 'which no connection closes')
})
