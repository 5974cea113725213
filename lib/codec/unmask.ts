// Under this many bytes the set-up of a word loop costs more than it saves.
const WORDS_FROM = 32

/**
 * Unmasks `bytes[start..end)` in place (RFC 6455 §5.3).
 * @param mask the masking key, its first byte on the wire in the lowest eight bits
 * @param phase how many bytes of the payload came before `start`
 */
export function unmask (bytes: Buffer, start: number, end: number, mask: number, phase: number): void {
  const turn = (phase & 3) << 3
  // The key as it applies from `start` on.
  let key = turn === 0 ? mask : (mask >>> turn) | (mask << (32 - turn))
  let at = start
  if (end - start >= WORDS_FROM) {
    while (((bytes.byteOffset + at) & 3) !== 0) {
      bytes[at] = bytes[at] as number ^ (key & 0xff)
      key = (key >>> 8) | (key << 24)
      at++
    }
    const count = (end - at) >> 2
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, count)
    // Words are in the byte order of the machine, which is little-endian wherever Node runs but on s390x.
    /* c8 ignore next -- a machine has one byte order only */
    const word = LITTLE_ENDIAN ? key : swapBytes(key)
    for (let i = 0; i < count; i++) words[i] = words[i] as number ^ word
    at += count << 2
  }
  for (; at < end; at++) {
    bytes[at] = bytes[at] as number ^ (key & 0xff)
    key = (key >>> 8) | (key << 24)
  }
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Turns the order of the four bytes of a word. */
export function swapBytes (word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
