/**
 * Unmasks `[start, end)` of the receive buffer in place (RFC 6455 §5.3).
 * @param key the masking key, rotated so that its lowest eight bits apply to `start`
 * @returns 0 if the result is ASCII, which needs no UTF-8 check
 */
export type Unmask = (start: number, end: number, key: number) => number

/** The highest bit of each byte in a word. None is set if all four bytes are ASCII. */
export const HIGH_BITS = 0x80808080 | 0

/** Returns an `unmask()` in TypeScript that handles four bytes at a time. */
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

/** Rotates a masking key to the payload byte `length` bytes later. */
export function rotateKey (key: number, length: number): number {
  const turn = (length & 3) << 3
  return turn === 0 ? key : (key >>> turn) | (key << (32 - turn))
}
