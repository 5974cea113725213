const MASK = Buffer.from([0x12, 0x34, 0x56, 0x78])

export const TEXT = 0x81
export const BINARY = 0x82
/** RFC 7692 §6: RSV1, the bit of a compressed message. */
export const COMPRESSED = 0x40

/** A complete message of a client: one masked frame (RFC 6455 §5.2). */
export function clientFrame (first: number, payload: Buffer): Buffer {
  const head = frameHead(first, payload.length)
  head[1] = (head[1] as number) | 0x80
  const masked = Buffer.from(payload)
  for (let i = 0; i < masked.length; i++) masked[i] = (masked[i] as number) ^ (MASK[i & 3] as number)
  return Buffer.concat([head, MASK, masked])
}

function frameHead (first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, length])
  const head = Buffer.alloc(length < 0x1_0000 ? 4 : 10)
  head[0] = first
  if (length < 0x1_0000) {
    head[1] = 126
    head.writeUInt16BE(length, 2)
  } else {
    head[1] = 127
    head.writeUIntBE(length, 4, 6)
  }
  return head
}

export interface Frame {
  readonly first: number
  readonly payload: Buffer
  /** The length of the frame with its head, in bytes. */
  readonly length: number
}

/** The first frame of `bytes`, masked or not; undefined while it is incomplete. Too slow for the measurement itself. */
export function decodeFrame (bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] as number) & 0x7f
  const lengthEnd = short === 126 ? 4 : short === 127 ? 10 : 2
  const isMasked = (bytes[1] as number) > 0x7f
  const start = isMasked ? lengthEnd + 4 : lengthEnd
  if (bytes.length < start) return undefined
  const size = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? bytes.readUIntBE(4, 6) : short
  if (bytes.length < start + size) return undefined
  const payload = Buffer.from(bytes.subarray(start, start + size))
  if (isMasked) {
    for (let i = 0; i < size; i++) payload[i] = (payload[i] as number) ^ (bytes[lengthEnd + (i & 3)] as number)
  }
  return { first: bytes[0] as number, payload, length: start + size }
}
