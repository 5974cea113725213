/** The message of a fan-out. */
export const FANOUT_MESSAGE = Buffer.alloc(128, 'fan-out ')

/** Pseudorandom bytes, the same in every run. */
export function noise (size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  let state = 1
  for (let i = 0; i < size; i++) {
    state = Math.imul(state, 1_103_515_245) + 12_345
    bytes[i] = state >>> 16
  }
  return bytes
}

const WORDS = ['north', 'amber', 'willow', 'ledger', 'copper', 'violet', 'harbour', 'meadow']

/** A JSON text of exactly `size` bytes, like that of an application: similar records with different values. */
export function json (size: number): Buffer {
  const random = noise(4 * size)
  const records: object[] = []
  const text = (note: string): string => JSON.stringify({ type: 'update', records, note })
  for (let at = 0; ; at += 8) {
    records.push({
      id: random.readUInt32LE(at),
      name: WORDS[random.readUInt8(at + 4) % WORDS.length],
      price: random.readUInt16LE(at + 5) / 100,
      active: random.readUInt8(at + 7) > 127
    })
    if (text('').length <= size) continue
    records.pop()
    return Buffer.from(text('.'.repeat(size - text('').length)))
  }
}
