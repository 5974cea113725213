import fc from 'fast-check'
import t from 'tap'
import { createDeflater } from '../../lib/deflate/deflate.js'
import { createInflater } from '../../lib/deflate/inflate.js'
import { agreed, deflate, deflateAlone, inflate, SETTINGS } from '../fixtures/deflate.js'
import { bytes, holds } from './properties.js'
import { countAllocations } from './targets.js'

const payload = fc.oneof(
  bytes(300),
  fc.tuple(
    bytes(12), fc.integer({ min: 0, max: 400 })
  ).map(([pattern, times]) => Buffer.concat(Array<Buffer>(times).fill(pattern))),
  fc.constantFrom(0, 70_000).map((length) => Buffer.alloc(length, 'ab'))
)

t.test('messages are decompressed as they were compressed, with and without context, in every window', async () => {
  await holds(120, fc.asyncProperty(fc.array(payload, { maxLength: 6 }), fc.boolean(), fc.integer({
    min: 9, max: 15
  }), fc.integer({ min: 1, max: 9 }), async (payloads, keepsContext, windowBits, level) => {
    const parameters = agreed(keepsContext, windowBits)
    const deflater = createDeflater(parameters, { ...SETTINGS, level })
    const inflater = createInflater(parameters)
    try {
      for (const payload of payloads) {
        const compressed = Buffer.from(await deflate(deflater, payload))
        if (!(await inflate(inflater, compressed, payload.length)).equals(payload)) return false
      }
      return true
    } finally {
      deflater.close()
      inflater.close()
    }
  }))
})

const LIMIT = 4_096

t.test('decompressed data stays within the limit or is an error, and the next message is read', async () => {
  const inflater = createInflater(agreed(false))
  const good = Buffer.from('what comes behind it')
  const changed = fc.tuple(
    payload, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 })
  ).map(([all, changes]) => {
    const compressed = Buffer.from(deflateAlone(all))
    for (const [at, byte] of changes) compressed[at % compressed.length] = byte
    return compressed
  })
  await holds(600, fc.property(fc.oneof(bytes(200), changed), (compressed) => {
    let length = 0
    const { largest } = countAllocations(() => {
      try {
        length = inflater.inflate(compressed, LIMIT)?.length ?? 0
      } catch (error) {
        if (!['FST_WIRE_INFLATE', 'FST_WIRE_MESSAGE_SIZE'].includes((error as { code: string }).code)) throw error
      }
    })
    return length <= LIMIT && largest <= 65_536 && inflater.inflate(deflateAlone(good), LIMIT)?.equals(good) === true
  }))
})
