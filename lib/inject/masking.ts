const EMPTY = Buffer.alloc(0)
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const KEY = Buffer.alloc(4)

/**
 * Masks the unmasked frames of a stream (RFC 6455 §5.2), so that both ends of an in-memory connection can be server
 * sockets. The masking key is zero, which leaves the payload unchanged.
 *
 *   HTTP head ──"\r\n\r\n"──▶ frames, each:  head (2–10 bytes) → payload
 *        └── a status other than 101 ──▶ unchanged
 */
export class Masking {
  #state: 'head' | 'frames' | 'unchanged'
  /** The bytes of an incomplete head. */
  #incomplete: Buffer = EMPTY
  /** The number of payload bytes that have not arrived. */
  #remaining = 0

  /** @param state the initial state; over HTTP/2 there is no HTTP head */
  constructor (state: 'head' | 'frames' = 'head') {
    this.#state = state
  }

  /** Returns the masked bytes. The bytes of an incomplete head are held back for the next call. */
  apply (bytes: Buffer): Buffer {
    const all = this.#incomplete.length === 0 ? bytes : Buffer.concat([this.#incomplete, bytes])
    this.#incomplete = EMPTY
    if (this.#state === 'unchanged') return all
    if (this.#state === 'frames') return this.#mask(all, 0)
    const end = all.indexOf(END_OF_HEAD) + END_OF_HEAD.length
    if (end < END_OF_HEAD.length) {
      this.#incomplete = all
      return EMPTY
    }
    this.#state = /^HTTP\/1\.1 (?!101 )/.test(all.toString('latin1', 0, 13)) ? 'unchanged' : 'frames'
    if (this.#state === 'unchanged') return all
    return Buffer.concat([all.subarray(0, end), this.#mask(all, end)])
  }

  #mask (bytes: Buffer, start: number): Buffer {
    const parts: Buffer[] = []
    let at = start
    while (at < bytes.length) {
      if (this.#remaining === 0) {
        const length = headLength(bytes, at)
        if (length === 0 || at + length > bytes.length) {
          this.#incomplete = bytes.subarray(at)
          break
        }
        const head = Buffer.from(bytes.subarray(at, at + length))
        this.#remaining = payloadLength(head)
        head[1] = (head[1] as number) | 0x80
        parts.push(head, KEY)
        at += length
      } else {
        const end = Math.min(bytes.length, at + this.#remaining)
        parts.push(bytes.subarray(at, end))
        this.#remaining -= end - at
        at = end
      }
    }
    return Buffer.concat(parts)
  }
}

/** Returns 0 if too few bytes have arrived. */
function headLength (bytes: Buffer, at: number): number {
  const second = bytes[at + 1]
  if (second === undefined) return 0
  return second < 126 ? 2 : second === 126 ? 4 : 10
}

function payloadLength (head: Buffer): number {
  const short = head[1] as number
  return short < 126 ? short : short === 126 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2))
}
