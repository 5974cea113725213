import t from 'tap'
import { deflateRawSync } from 'node:zlib'
import { createInflater, INFLATE_SYNC_OUTPUT, INFLATE_SYNC_UP_TO } from '../../lib/deflate/inflate.js'
import {
  agreed, deflateAlone, inflate, inflateLater, json, messages, maxMemoryFor, randomBytes, WsClient
} from '../fixtures/deflate.js'
import { createRandom } from '../fixtures/sink.js'

const CORRUPT = { code: 'FST_WIRE_INFLATE', closeCode: 1007 }
const TOO_BIG = { code: 'FST_WIRE_MESSAGE_SIZE', closeCode: 1009 }

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** One block with BFINAL set. */
const last = (payload: Buffer): Buffer => deflateRawSync(payload)
/** 64 MiB in 64 KiB. */
const BOMB = deflateAlone(Buffer.alloc(67_108_864))
const EMPTY_LAST = hex('0300')

for (const isRunnable of [true, false]) {
  const mode = isRunnable ? 'run on the spot' : 'without the insides of zlib'

  t.test(`${mode}: output of another implementation is decompressed`, async (t) => {
    for (const keepsContext of [true, false]) {
      for (let windowBits = 9; windowBits <= 15; windowBits++) {
        const client = new WsClient(keepsContext, windowBits)
        const inflater = createInflater(agreed(keepsContext, windowBits), isRunnable)
        for (const [i, message] of messages().entries()) {
          const data = await inflate(inflater, await client.compress(message))
          if (!data.equals(message)) t.fail(`message ${i} with ${windowBits} bits, ${keepsContext}`)
        }
        inflater.close()
        client.close()
      }
    }
    t.pass()
  })

  t.test(`${mode}: a client that agreed to 8 bits may use 9`, async (t) => {
    const inflater = createInflater(agreed(true, 8), isRunnable)
    const message = Buffer.concat([randomBytes(400), randomBytes(400)])
    t.strictSame(await inflate(inflater, deflateAlone(message, 9)), message)
    inflater.close()
  })

  for (const keepsContext of [true, false]) {
    const create = () => createInflater(agreed(keepsContext), isRunnable)
    const kind = `${mode}, ${keepsContext ? 'with' : 'without'} context takeover`

    t.test(`${kind}: the examples of RFC 7692 §7.2.3 are decompressed`, async (t) => {
      const inflater = create()
      for (const [name, bytes, text] of [
        ['one block', 'f2 48 cd c9 c9 07 00', 'Hello'],
        ['a block with no compression', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello'],
        ['a block that says it is the last', 'f3 48 cd c9 c9 07 00 00', 'Hello'],
        ['two blocks in a message', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello'],
        ['an empty message', '00', '']
      ] as const) {
        t.equal((await inflate(inflater, hex(bytes))).toString(), text, name)
      }
      inflater.close()
    })

    t.test(`${kind}: the examples of RFC 7692 §7.2.3 are decompressed in the thread pool`, async (t) => {
      const inflater = create()
      for (const bytes of [
        'f2 48 cd c9 c9 07 00', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'f3 48 cd c9 c9 07 00 00',
        'f2 48 05 00 00 00 ff ff ca c9 c9 07 00'
      ]) {
        t.equal((await inflateLater(inflater, hex(bytes), 100)).toString(), 'Hello', bytes)
      }
      t.equal((await inflateLater(inflater, hex('00'), 100)).toString(), '')
      inflater.close()
    })

    t.test(`${kind}: blocks may follow a final block`, async (t) => {
      const inflater = create()
      const parts = [last(json(500)), last(json(700, 2)), deflateAlone(json(300, 3))]
      const expected = Buffer.concat([json(500), json(700, 2), json(300, 3)])
      t.strictSame(await inflate(inflater, Buffer.concat(parts)), expected)
      t.strictSame(await inflateLater(inflater, Buffer.concat(parts), Infinity), expected)
      t.strictSame(await inflate(inflater, last(json(500))), json(500), 'or nothing')
      t.strictSame(await inflateLater(inflater, last(json(500)), Infinity), json(500))
      t.strictSame(await inflate(inflater, deflateAlone(json(900))), json(900), 'and the next message is read')
      const large = Buffer.concat([last(json(300_000)), last(json(100)), deflateAlone(json(90_000, 6))])
      t.ok((await inflate(inflater, large)).equals(Buffer.concat([json(300_000), json(100), json(90_000, 6)])))
      inflater.close()
    })

    t.test(`${kind}: at most 64 final blocks are accepted`, async (t) => {
      const inflater = create()
      const of = (count: number): Buffer => Buffer.concat([
        ...Array<Buffer>(count).fill(EMPTY_LAST), deflateAlone(json(10))
      ])
      t.strictSame(await inflate(inflater, of(64)), json(10))
      t.strictSame(await inflateLater(inflater, of(64), 100), json(10))
      await t.rejects(inflate(inflater, of(65)), CORRUPT)
      await t.rejects(inflateLater(inflater, of(65), 100), CORRUPT)
      t.strictSame(await inflate(inflater, of(1)), json(10))
      inflater.close()
    })

    t.test(`${kind}: a message of exactly the limit is accepted, and no larger one`, async (t) => {
      const inflater = create()
      for (const length of [1, 100, 66_560, 70_000, INFLATE_SYNC_OUTPUT, 2_000_000]) {
        const compressed = deflateAlone(Buffer.alloc(length, 'a'))
        t.equal((await inflate(inflater, compressed, length)).length, length, `${length}`)
        await t.rejects(inflate(inflater, compressed, length - 1), TOO_BIG, `${length}`)
        await t.rejects(inflateLater(inflater, compressed, length - 1), TOO_BIG, `${length}`)
      }
      t.equal((await inflate(inflater, Buffer.alloc(0), 0)).length, 0)
      t.equal((await inflate(inflater, hex('00'), 0)).length, 0)
      inflater.close()
    })

    t.test(`${kind}: a bomb costs at most the limit`, async (t) => {
      t.ok(BOMB.length > INFLATE_SYNC_UP_TO)
      for (const bomb of [BOMB, BOMB.subarray(0, 15_000)]) {
        const inflater = create()
        const before = process.memoryUsage().arrayBuffers
        await t.rejects(inflate(inflater, bomb, 1_000_000), TOO_BIG)
        // Twice the limit, should a message that is too large to be done on the spot begin anew in the pool.
        t.ok(process.memoryUsage().arrayBuffers - before < 2_500_000)
        inflater.close()
      }
    })

    t.test(`${kind}: corrupt data is an error, and the next message is decompressed`, async (t) => {
      const good = deflateAlone(json(2_000))
      for (const [name, bytes] of [
        ['a reserved block type', hex('07')],
        ['a length that does not match', hex('00 05 00 00 00 48 65 6c 6c 6f 00')],
        ['a distance before the beginning', hex('4a 4c 44 06 50 93 00')],
        ['noise', Buffer.alloc(100, 0xff)],
        ['a last block, and noise behind it', Buffer.concat([last(json(100)), hex('ff ff ff')])]
      ] as const) {
        for (const inThePool of [false, true]) {
          const inflater = create()
          await t.rejects(inThePool ? inflateLater(inflater, bytes, 5_000) : inflate(inflater, bytes), CORRUPT, name)
          t.strictSame(await inflate(inflater, good), json(2_000), `on the spot after ${name}`)
          t.strictSame(await inflateLater(inflater, good, 5_000), json(2_000), `in the pool after ${name}`)
          inflater.close()
        }
      }
    })

    t.test(`${kind}: random changes are decompressed or errors, and never affect the next message`, async (t) => {
      const random = createRandom(keepsContext ? 5 : 6)
      const sources = [
        json(800), json(3_000, 2), randomBytes(300), Buffer.alloc(20_000, 'ab'), Buffer.alloc(70_000, 'z')
      ].map((payload) => deflateAlone(payload))
      const good = deflateAlone(json(1_000, 9))
      const codes = new Set(['FST_WIRE_INFLATE', 'FST_WIRE_MESSAGE_SIZE'])
      let inflater = create()
      let faults = 0
      for (let round = 0; round < 800; round++) {
        const bytes = random(4) === 0 ? randomBytes(random(60), round) : Buffer.from(sources[random(sources.length)]!)
        for (let i = random(3); i >= 0 && bytes.length > 0; i--) bytes[random(bytes.length)] = random(256)
        const cut = bytes.subarray(0, random(3) === 0 ? random(bytes.length + 1) : bytes.length)
        const isPool = random(8) === 0 && cut.length > 0
        try {
          await (isPool ? inflateLater(inflater, cut, 100_000) : inflate(inflater, cut, 100_000))
        } catch (error) {
          faults++
          if (!codes.has((error as NodeJS.ErrnoException).code ?? '')) {
            t.fail(`${cut.toString('hex')}: ${String(error)}`)
          }
          if (keepsContext) {
            inflater.close()
            inflater = create()
          }
        }
        if (!keepsContext && !(await inflate(inflater, good)).equals(json(1_000, 9))) t.fail(cut.toString('hex'))
      }
      t.ok(faults > 200)
      inflater.close()
    })

    t.test(`${kind}: the result holds no more memory than it needs, and is not overwritten`, async (t) => {
      const inflater = create()
      const first = await inflate(inflater, deflateAlone(json(10_000)))
      await inflate(inflater, deflateAlone(Buffer.alloc(50_000)))
      t.strictSame(first, json(10_000))
      for (const length of [100, 10_000, 65_000, 200_000, 1_000_000]) {
        const data = await inflate(inflater, deflateAlone(json(length)))
        t.ok(data.buffer.byteLength <= maxMemoryFor(data.length), `${length}`)
      }
      inflater.close()
    })

    t.test(`${kind}: a job that runs when its context is closed completes`, async (t) => {
      const inflater = create()
      const compressed = deflateAlone(json(400_000))
      await inflate(inflater, deflateAlone(json(10)))
      const job = inflateLater(inflater, compressed, Infinity)
      inflater.close()
      inflater.close()
      t.ok((await job).equals(json(400_000)))
      const failing = inflateLater(inflater, compressed, 100)
      inflater.close()
      await t.rejects(failing, TOO_BIG)
    })

    t.test(`${kind}: many jobs at once all complete`, async (t) => {
      const one = create()
      const jobs = Array.from({ length: 20 }, (_, seed) => {
        const inflater = keepsContext ? create() : one
        return inflateLater(
          inflater, seed % 5 === 4 ? Buffer.alloc(50, 0xff) : deflateAlone(json(80_000, seed)),
          seed % 5 === 3 ? 70_000 : 80_000
        )
          .then((data) => data.equals(json(80_000, seed)), (fault) => fault.code)
          .finally(() => inflater.close())
      })
      t.strictSame(await Promise.all(jobs), Array(4).fill([
        true, true, true, 'FST_WIRE_MESSAGE_SIZE', 'FST_WIRE_INFLATE'
      ]).flat())
      one.close()
    })
  }

  t.test(`${mode}: a self-contained message that was truncated is an error`, async (t) => {
    const inflater = createInflater(agreed(false), isRunnable)
    const compressed = deflateAlone(json(2_000))
    const codes = new Set<unknown>()
    for (let length = 1; length < compressed.length; length += 3) {
      const cut = compressed.subarray(0, length)
      await inflate(inflater, cut).then(() => codes.add(length), ({ code, closeCode }) => codes.add(`${code} ${closeCode}`))
      if (length % 60 === 1) await t.rejects(inflateLater(inflater, cut, 5_000), CORRUPT)
    }
    t.same([...codes], ['FST_WIRE_INFLATE 1007'])
  })

  t.test(`${mode}: a kept context decompresses one message at a time`, async (t) => {
    const inflater = createInflater(agreed(true), isRunnable)
    const job = inflateLater(inflater, deflateAlone(json(70_000)), Infinity)
    t.throws(() => inflater.inflate(hex('00'), 10), { code: 'FST_WIRE_COMPRESSION_BUSY' })
    t.throws(() => inflater.inflateLater(hex('00'), 10, () => {}), { code: 'FST_WIRE_COMPRESSION_BUSY' })
    await job
    t.equal((await inflate(inflater, hex('00'))).length, 0)
    inflater.close()
  })
}

t.test('large messages are decompressed in the thread pool', async (t) => {
  const shared = createInflater(agreed(false), true)
  const compressed = randomBytes(INFLATE_SYNC_UP_TO)
  t.equal(shared.inflate(deflateAlone(compressed), Infinity), undefined, 'too much input')
  t.equal(shared.inflate(deflateAlone(Buffer.alloc(INFLATE_SYNC_OUTPUT)), Infinity)?.length, INFLATE_SYNC_OUTPUT)
  t.equal(shared.inflate(deflateAlone(Buffer.alloc(INFLATE_SYNC_OUTPUT +
    100_000)), Infinity), undefined, 'too much output')
  t.equal(
    createInflater(agreed(true), false).inflate(hex('00'), 10), undefined,
    'at once for a kept context that cannot be run on the spot'
  )
})

t.test('a message that outgrows its buffer continues in the thread pool, with its context', async (t) => {
  const client = new WsClient(true, 15)
  const inflater = createInflater(agreed(true), true)
  for (const length of [
    3_000, INFLATE_SYNC_OUTPUT, INFLATE_SYNC_OUTPUT + 1, 66_560 * 4, 66_560 * 5, 3_000_000, 3_000
  ]) {
    const message = Buffer.alloc(length, json(3_000))
    if (!(await inflate(inflater, await client.compress(message))).equals(message)) t.fail(`${length} bytes`)
  }
  t.pass()
  client.close()
  inflater.close()
})

t.test('connections without context takeover share one decompressor', async (t) => {
  const one = createInflater(agreed(false))
  t.equal(createInflater(agreed(false, 9)), one)
  t.not(createInflater(agreed(true)), createInflater(agreed(true)))
  one.close()
  t.strictSame(one.inflate(deflateAlone(json(100)), 100), json(100), 'which no connection closes')
})
