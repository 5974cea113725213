/**
 * Unmasks `[start, end)` of the receive buffer in place (RFC 6455 §5.3).
 * @param key the masking key, the byte that falls to `start` in its lowest eight bits
 * @returns 0 when what came out is ASCII, which is valid UTF-8 without a further look
 */
export type Unmask = (start: number, end: number, key: number) => number

/** The highest bit of each byte of a word: none of them is set where all are ASCII. */
export const HIGH_BITS = 0x80808080 | 0

/** Unmasking in TypeScript, four bytes at a time. */
export function createUnmask (view: DataView): Unmask {
  return (start, end, key) => {
    let seen = 0
    let at = start
    for (; at + 4 <= end; at += 4) {
      const word = view.getInt32(at, true) ^ key
      view.setInt32(at, word, true)
      seen |= word
    }
    for (let rest = key; at < end; at++, rest >>>= 8) {
      const byte = view.getUint8(at) ^ (rest & 0xff)
      view.setUint8(at, byte)
      seen |= byte
    }
    return seen & HIGH_BITS
  }
}

/** The key as it falls to the payload `length` bytes further on. */
export function turnKey (key: number, length: number): number {
  const turn = (length & 3) << 3
  return turn === 0 ? key : (key >>> turn) | (key << (32 - turn))
}
