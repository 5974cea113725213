const NOTHING = Buffer.alloc(0)
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const KEY = Buffer.alloc(4)

/**
 * Puts a mask on the frames of a stream whose sender puts none (RFC 6455 §5.2), so that a conversation of the server's
 * kind can be held from both ends. The key is zero, which leaves the payload as it is: nothing in memory has to be
 * kept from guessing it.
 *
 *   head of HTTP ──"\r\n\r\n"──▶ frames, each:  head (2–10 bytes) → payload
 *        └── a status other than 101 ──▶ as it is
 */
export class Masking {
  #state: 'head' | 'frames' | 'as it is'
  /** The beginning of a head that is not complete. */
  #kept: Buffer = NOTHING
  /** Bytes of the payload that have not come. */
  #remaining = 0

  /** @param state what comes first: over HTTP/2 there is no head */
  constructor (state: 'head' | 'frames' = 'head') {
    this.#state = state
  }

  /** The bytes to hand on for these; a head that is not complete is held back. */
  apply (bytes: Buffer): Buffer {
    const all = this.#kept.length === 0 ? bytes : Buffer.concat([this.#kept, bytes])
    this.#kept = NOTHING
    if (this.#state === 'as it is') return all
    if (this.#state === 'frames') return this.#mask(all, 0)
    const end = all.indexOf(END_OF_HEAD) + END_OF_HEAD.length
    if (end < END_OF_HEAD.length) {
      this.#kept = all
      return NOTHING
    }
    this.#state = /^HTTP\/1\.1 (?!101 )/.test(all.toString('latin1', 0, 13)) ? 'as it is' : 'frames'
    if (this.#state === 'as it is') return all
    return Buffer.concat([all.subarray(0, end), this.#mask(all, end)])
  }

  #mask (bytes: Buffer, start: number): Buffer {
    const parts: Buffer[] = []
    let at = start
    while (at < bytes.length) {
      if (this.#remaining === 0) {
        const length = headLength(bytes, at)
        if (length === 0 || at + length > bytes.length) {
          this.#kept = bytes.subarray(at)
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

/** Returns 0 when it cannot be told yet. */
function headLength (bytes: Buffer, at: number): number {
  const second = bytes[at + 1]
  if (second === undefined) return 0
  return second < 126 ? 2 : second === 126 ? 4 : 10
}

function payloadLength (head: Buffer): number {
  const short = head[1] as number
  return short < 126 ? short : short === 126 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2))
}
