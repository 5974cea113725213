import { isUtf8 } from 'node:buffer'

/**
 * Validates UTF-8 that arrives in pieces, and fails at the first byte that makes the text invalid (RFC 3629 §4).
 * Between two pieces it keeps the one to three bytes of an incomplete sequence.
 */
export class Utf8Validator {
  readonly #tail = Buffer.alloc(4)
  #tailLength = 0

  /** Returns false once the text cannot become valid anymore. */
  append (bytes: Buffer, start: number, end: number): boolean {
    let at = start
    while (this.#tailLength > 0 && at < end) {
      this.#tail[this.#tailLength++] = bytes[at++] as number
      if (!isPrefix(this.#tail, this.#tailLength)) return false
      if (this.#tailLength === sequenceLength(this.#tail[0] as number)) this.#tailLength = 0
    }
    const tailStart = findTail(bytes, at, end)
    if (!isUtf8(bytes.subarray(at, tailStart))) return false
    if (tailStart === end) return true
    this.#tailLength = bytes.copy(this.#tail, 0, tailStart, end)
    return isPrefix(this.#tail, this.#tailLength)
  }

  /** Ends the text and resets the validator. Returns false if the last sequence is incomplete. */
  end (): boolean {
    const isComplete = this.#tailLength === 0
    this.#tailLength = 0
    return isComplete
  }
}

/** Returns the offset of an incomplete sequence at the end, or `end`. */
function findTail (bytes: Buffer, start: number, end: number): number {
  const first = Math.max(start, end - 3)
  for (let at = end - 1; at >= first; at--) {
    const byte = bytes[at] as number
    if (byte < 0x80) return end
    if (byte >= 0xc0) return sequenceLength(byte) > end - at ? at : end
  }
  return end
}

function sequenceLength (lead: number): number {
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
}

/** Whether these one to four bytes begin a valid sequence. */
function isPrefix (bytes: Buffer, length: number): boolean {
  const lead = bytes[0] as number
  if (lead < 0xc2 || lead > 0xf4) return false
  for (let i = 1; i < length; i++) {
    const byte = bytes[i] as number
    // The second byte reveals overlong forms, surrogates and code points above U+10FFFF.
    const least = i > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const most = i > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (byte < least || byte > most) return false
  }
  return true
}
