// Measures compression: node --expose-gc --import ./test/loader/register.js bench/micro/deflate.ts [PART]
//
//   levels   time and ratio of the compressor for JSON of several sizes, and of the decompressor
//   ways     our contexts, synchronous and in the thread pool, against the functions of node:zlib for one message
//   windows  time and ratio by window and memory level
//   hostile  the slowest messages within the limits of synchronous work
//   memory   resident bytes of a context that is kept for a connection
//
// Without a name it runs all parts, in about 20 s.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { createDeflater, DEFLATE_SYNC_UP_TO, type Deflater } from '../../lib/deflate/deflate.js'
import { createInflater, INFLATE_SYNC_OUTPUT, INFLATE_SYNC_UP_TO, type Inflater } from '../../lib/deflate/inflate.js'
import { agreed, SETTINGS } from '../../test/fixtures/deflate.js'
import { createRandom } from '../../test/fixtures/sink.js'

const SIZES = [128, 512, 1024, 4096, 16_384, 65_536, 262_144]

const random = createRandom(1)

const WORDS = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua price order user status'.split(' ')
const word = (): string => WORDS[random(WORDS.length)] as string

function json (length: number): Buffer {
  const items = []
  for (let size = 0; size < length;) {
    const item = {
      id: random(1e9),
      name: `${word()} ${word()}`,
      email: `${word()}${random(1000)}@example.com`,
      active: random(3) === 0,
      score: random(10_000) / 100,
      at: new Date(1.7e12 + random(1e9) * 10).toISOString(),
      note: Array.from({ length: random(8) }, word).join(' ')
    }
    items.push(item)
    size += JSON.stringify(item).length
  }
  return Buffer.from(JSON.stringify(items)).subarray(0, length)
}

/** CPU microseconds of the whole process for one call, the best of five rounds of 30 ms. */
function time (call: () => void): number {
  for (let i = 0; i < 50; i++) call()
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage()
    const end = performance.now() + 30
    let calls = 0
    while (performance.now() < end) {
      call()
      calls++
    }
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, (user + system) / calls)
  }
  return best
}

async function timeLater (count: number, call: () => Promise<unknown>): Promise<{ cpu: number, latency: number }> {
  for (let i = 0; i < count; i++) await call()
  const start = process.cpuUsage()
  const begin = performance.now()
  for (let i = 0; i < count; i++) await call()
  const latency = (performance.now() - begin) * 1000 / count
  const { user, system } = process.cpuUsage(start)
  return { cpu: (user + system) / count, latency }
}

const later = (deflater: Deflater, payload: Buffer): Promise<Buffer> => new Promise((resolve) => deflater.deflateLater(
  payload, (_, data) => resolve(data)
))
const inflateLater = (inflater: Inflater, payload: Buffer): Promise<Buffer> =>
  new Promise((resolve) => inflater.inflateLater(payload, Infinity, (_, data) => resolve(data)))

const us = (value: number): string => value.toFixed(1).padStart(8)
const percent = (part: number, whole: number): string => `${(100 * part / whole).toFixed(1)} %`.padStart(8)

const parts: Record<string, () => void | Promise<void>> = {
  levels () {
    console.log('\nJSON, by level: µs to deflate and ratio; then µs to inflate (window 15, memLevel 8)')
    console.log('bytes  ', [1, 2, 3, 4, 5, 6].map((level) => `        level ${level}`).join(''), '  inflate')
    for (const size of SIZES) {
      const payload = json(size)
      const cells = [1, 2, 3, 4, 5, 6].map((level) => {
        const deflater = createDeflater(agreed(false), { ...SETTINGS, level })
        return us(time(() => deflater.deflate(payload))) + percent(deflater.deflate(payload).length, size)
      })
      const compressed = createDeflater(agreed(false), SETTINGS).deflate(payload)
      const inflater = createInflater(agreed(false))
      const inflate = inflater.inflate(compressed, Infinity) === undefined
        ? ' (pool)'
        : us(time(() => inflater.inflate(compressed, Infinity)))
      console.log(String(size).padStart(7), cells.join(''), inflate)
    }
  },

  async ways () {
    console.log(
      '\nJSON at level 3, CPU µs of one message: synchronous, in the pool (with latency), deflateRawSync/inflateRawSync'
    )
    for (const size of SIZES) {
      const payload = json(size)
      const deflater = createDeflater(agreed(false), SETTINGS)
      const inflater = createInflater(agreed(false))
      const compressed = deflater.deflate(payload)
      const pool = await timeLater(60, () => later(deflater, payload))
      const poolInflate = await timeLater(60, () => inflateLater(inflater, compressed))
      console.log(String(size).padStart(7),
        'deflate', us(time(() => deflater.deflate(payload))), us(pool.cpu), `(${us(pool.latency)})`,
        us(time(() => deflateRawSync(payload, { level: 3, finishFlush: constants.Z_SYNC_FLUSH }))),
        '  inflate',
        compressed.length <= INFLATE_SYNC_UP_TO ? us(time(() => inflater.inflate(compressed, Infinity))) : '       -',
        us(poolInflate.cpu), `(${us(poolInflate.latency)})`,
        us(time(() => inflateRawSync(compressed, { finishFlush: constants.Z_SYNC_FLUSH }))))
    }
  },

  windows () {
    console.log('\nJSON at level 3, by window bits and memLevel: µs to deflate and ratio')
    const settings = [[15, 8], [15, 9], [15, 4], [13, 6], [12, 5], [11, 4], [10, 3], [9, 1]] as const
    console.log('bytes  ', settings.map(([windowBits, memLevel]) => `${windowBits}/${memLevel}`.padStart(16)).join(''))
    for (const size of SIZES.slice(1)) {
      const payload = json(size)
      console.log(String(size).padStart(7), settings.map(([windowBits, memLevel]) => {
        const deflater = createDeflater(agreed(false, windowBits), { ...SETTINGS, memLevel })
        return us(time(() => deflater.deflate(payload))) + percent(deflater.deflate(payload).length, size)
      }).join(''))
    }
  },

  hostile () {
    const noise = Buffer.from(Array.from({ length: DEFLATE_SYNC_UP_TO }, () => random(256)))
    const deflater = createDeflater(agreed(false), SETTINGS)
    console.log(`\n${noise.length} bytes of noise to deflate: ${us(time(() => deflater.deflate(noise)))} µs`)
    const inflater = createInflater(agreed(false))
    const zeroes = deflater.deflate(Buffer.alloc(INFLATE_SYNC_OUTPUT))
    console.log(`${INFLATE_SYNC_OUTPUT} zeroes to inflate: ${us(time(() => inflater.inflate(zeroes, Infinity)))} µs`)
    const tables = codeTables()
    console.log(
      `${tables.length} bytes of code tables to inflate: ${us(time(() => inflater.inflate(tables, Infinity)))} µs`
    )
  },

  memory () {
    console.log(
      '\nresident bytes of a context that is kept for a connection, after 32 KiB; each measured in a process of its own'
    )
    for (const bits of ['15/8', '15/4', '13/6', '12/5', '11/4', '10/3', '9/1']) {
      const of = (kind: string): string => spawnSync(process.execPath, [
        ...process.execArgv, fileURLToPath(import.meta.url), kind, bits
      ], { encoding: 'utf8' }).stdout.trim()
      console.log(bits.padStart(7), `compressor ${of('compressors')}, decompressor ${of('decompressors')}`)
    }
  }
}

const MANY = 1_000

/** Prints the resident bytes of a context; runs in a process of its own. */
function measureContexts (kind: string, bits: string): void {
  const [windowBits, memLevel] = bits.split('/').map(Number) as [number, number]
  const payload = json(32_768)
  const compressed = deflateRawSync(payload, { windowBits, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
  const open = (): Deflater | Inflater => {
    if (kind === 'compressors') {
      const deflater = createDeflater(agreed(true, windowBits), { ...SETTINGS, memLevel })
      deflater.deflate(payload)
      return deflater
    }
    const inflater = createInflater(agreed(true, windowBits))
    if (inflater.inflate(compressed, Infinity) === undefined) throw new Error('the message is too large for synchronous work')
    return inflater
  }
  const kept = [open()]
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  while (kept.length <= MANY) kept.push(open())
  globalThis.gc?.()
  console.log(Math.round((process.memoryUsage.rss() - before) / MANY))
}

/** Blocks of nothing but a code table of full size, 38.5 bytes each, as many as are decompressed synchronously. */
function codeTables (): Buffer {
  const bytes: number[] = []
  let bit = 0
  const put = (value: number, count: number): void => {
    for (let i = 0; i < count; i++, bit++) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | ((value >> i) & 1) << (bit & 7)
  }
  // Lengths of the code length code in the order of RFC 1951 §3.2.7: 4 and 5 have 3 bits, 8, 9 and "repeat" have 2.
  const lengths = [2, 0, 0, 0, 2, 0, 2, 0, 0, 3, 0, 3, 0, 0, 0, 0, 0, 0, 0]
  const codes: Record<number, [code: number, length: number]> = {
    8: [0b00, 2], 9: [0b10, 2], 4: [0b011, 3], 5: [0b111, 3]
  }
  const run = (length: number, count: number): void => {
    const [code, bits] = codes[length] as [number, number]
    put(code, bits)
    for (count--; count >= 3;) {
      const repeated = Math.min(6, count)
      put(0b01, 2)
      put(repeated - 3, 2)
      count -= repeated
    }
    while (count-- > 0) put(code, bits)
  }
  while (bytes.length < INFLATE_SYNC_UP_TO - 50) {
    // Not the last, dynamic, 286 literals, 30 distances, 19 code lengths.
    put(0b100, 3)
    put(29, 5)
    put(29, 5)
    put(15, 4)
    for (const length of lengths) put(length, 3)
    run(8, 226)
    run(9, 60)
    run(4, 2)
    run(5, 28)
    // The end of the block is symbol 256, the 31st of 9 bits: 452 + 30, its bits from the top.
    for (let i = 8; i >= 0; i--) put((482 >> i) & 1, 1)
  }
  put(0, 3)
  return Buffer.from(bytes)
}

const [name, bits] = process.argv.slice(2)
if (name !== undefined && bits !== undefined) {
  measureContexts(name, bits)
} else {
  console.log(`Node ${process.version}`)
  for (const part of name === undefined ? Object.keys(parts) : [name]) await parts[part]?.()
}
