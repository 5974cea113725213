import fc from 'fast-check'

/**
 * Equal in all runs, so that failures are reproducible, unless `FUZZ_SEED` is set. `FUZZ_RUNS` multiplies the number of
 * values. A failure is printed with its seed.
 */
const seed = Number(process.env['FUZZ_SEED'] ?? 6_455)
const factor = Number(process.env['FUZZ_RUNS'] ?? 1)

/** Checks a property with `runs` random values. */
export function holds<Ts extends [unknown, ...unknown[]]> (
  runs: number, property: fc.IProperty<Ts> | fc.IAsyncProperty<Ts>
): Promise<void> | void {
  return fc.assert(property as fc.IAsyncProperty<Ts>, { seed, numRuns: Math.ceil(runs * factor), endOnFailure: false })
}

/** Random bytes. */
export const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))

/** The lengths of the pieces into which a stream is split. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 64 }), { maxLength: 40 })

/** Splits bytes into pieces of these lengths, and the rest. */
export function cut (all: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const length of lengths) {
    pieces.push(all.subarray(at, at + length))
    at = Math.min(all.length, at + length)
  }
  return [...pieces, all.subarray(at)]
}

export interface RawFrame {
  readonly first: number
  readonly isMasked: boolean
  readonly payload: Buffer
  /** The size of the extended length in bytes, even if a smaller one suffices; 0 for the shortest form. */
  readonly form: 0 | 2 | 8
}

/** Encodes a frame, legal or not. */
export function encodeRaw ({ first, isMasked, payload, form }: RawFrame): Buffer {
  const { length } = payload
  const size = form === 8 || length > 0xffff ? 8 : form === 2 || length > 125 ? 2 : 0
  const head = Buffer.alloc(2 + size)
  head[0] = first
  head[1] = (isMasked ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(length, 2)
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (!isMasked) return Buffer.concat([head, payload])
  const mask = Buffer.of(0x9d, 0x01, 0xfe, 0x42)
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i & 3] as number))])
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((value) => Buffer.from(value))
const closePayload = fc.tuple(
  fc.oneof(fc.constantFrom(1000, 1001, 1005, 1011, 3000, 4999), fc.nat({ max: 0xffff })), text
).map(([code, reason]) => Buffer.concat([Buffer.of(code >> 8, code & 0xff), reason]))

const often = <T, U>(usual: T, rare: fc.Arbitrary<U>): fc.Arbitrary<T | U> => fc.oneof(
  { weight: 19, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare }
)

/** Frames of a client, most of them legal: complete messages, fragments, control frames. */
export const frame: fc.Arbitrary<RawFrame> = fc.record({
  first: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0x81, 0x82) },
    { weight: 6, arbitrary: fc.constantFrom(0x01, 0x02, 0x00, 0x80, 0x80) },
    { weight: 3, arbitrary: fc.constantFrom(0x89, 0x8a) },
    { weight: 1, arbitrary: fc.constantFrom(0x88, 0x88, 0x09, 0x83, 0x8b, 0xc1, 0xc2, 0xa1, 0xc0) },
    { weight: 1, arbitrary: fc.nat({ max: 255 }) }
  ),
  isMasked: often(true, fc.constant(false)),
  payload: fc.oneof(
    { weight: 5, arbitrary: text }, { weight: 3, arbitrary: bytes(60) }, { weight: 1, arbitrary: bytes(400) },
    { weight: 1, arbitrary: closePayload }
  ),
  form: often(0 as const, fc.constantFrom(2 as const, 8 as const))
})

/** A stream of frames of a client. */
export const stream: fc.Arbitrary<Buffer> = fc.array(
  frame, { maxLength: 14 }
).map((frames) => Buffer.concat(frames.map(encodeRaw)))
