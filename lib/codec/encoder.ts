/**
 * The destination of encoded bytes. `reserve()` makes room in `chunk`, so header and payload are contiguous. `append()`
 * queues bytes after everything reserved so far, without copying them. Use `borrow()` for bytes that the application
 * may change after the call.
 */
export interface Output {
  /** The buffer with the room last reserved. Read it after `reserve()`, which may replace it. */
  readonly chunk: Buffer
  /** Whether bytes written now have to wait for the peer. */
  readonly isStalled: boolean
  /** Makes room for `length` contiguous bytes and returns their offset in `chunk`. */
  reserve (length: number): number
  append (bytes: Buffer): void
  /** Like `append()`, but copies the bytes that are not sent before it returns. */
  borrow (bytes: Buffer): void
  /** Queues a whole frame that is sent to other sockets too. */
  share (frame: Buffer): void
}

// Up to this size, copying the payload next to the header costs less than writing two buffers.
const COPY_UP_TO = 16_384

/** RSV1 on the first frame of a compressed message (RFC 7692 §6). */
export const COMPRESSED = 0x40

const FIN = 0x80

/**
 * Writes an unmasked frame, as servers send them (RFC 6455 §5.1). A large payload is copied only if it is not `isOwn`
 * and cannot be sent at once.
 * @param opcode combined with COMPRESSED for a compressed message
 * @param isOwn whether the payload never changes
 */
export function writeFrame (output: Output, opcode: number, fin: boolean, payload: Buffer, isOwn = false): void {
  const { length } = payload
  if (length > COPY_UP_TO) {
    writeHead(output, opcode, fin, length, 0)
    if (isOwn) output.append(payload)
    else output.borrow(payload)
  } else {
    const at = writeHead(output, opcode, fin, length, length)
    output.chunk.set(payload, at)
  }
}

/**
 * Writes a frame with a text, encoded directly after its header.
 * @returns the length of the payload in bytes
 */
export function writeTextFrame (output: Output, opcode: number, fin: boolean, text: string): number {
  const length = Buffer.byteLength(text)
  if (length > COPY_UP_TO) {
    writeFrame(output, opcode, fin, Buffer.from(text), true)
  } else {
    const at = writeHead(output, opcode, fin, length, length)
    output.chunk.write(text, at, length, 'utf8')
  }
  return length
}

/**
 * Writes a text frame of the hixie drafts, always in one piece: some old clients fail when it is split.
 * @returns the length of the payload in bytes
 */
export function writeHixieText (output: Output, payload: string | Buffer): number {
  const length = Buffer.byteLength(payload)
  const at = output.reserve(length + 2)
  const { chunk } = output
  chunk[at] = 0x00
  if (typeof payload === 'string') chunk.write(payload, at + 1, length, 'utf8')
  else payload.copy(chunk, at + 1)
  chunk[at + 1 + length] = 0xff
  return length
}

/** Returns a frame in a buffer of its own, to be sent to several receivers. */
export function encodeFrame (opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const frame = Buffer.allocUnsafeSlow(headLength(length) + length)
  payload.copy(frame, putHead(frame, 0, opcode, true, length))
  return frame
}

/** Like `encodeFrame()`, for a text. */
export function encodeTextFrame (opcode: number, text: string): Buffer {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafeSlow(headLength(length) + length)
  frame.write(text, putHead(frame, 0, opcode, true, length), length, 'utf8')
  return frame
}

/** Returns the payload of a frame made by `encodeFrame()` or `encodeTextFrame()`, as a view. */
export function payloadOf (frame: Buffer): Buffer {
  const short = frame[1] as number
  return frame.subarray(short < 126 ? 2 : short === 126 ? 4 : 10)
}

/** Like `encodeFrame()`, for a text frame of the hixie drafts. */
export function encodeHixieText (payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafeSlow(payload.length + 2)
  frame[0] = 0x00
  payload.copy(frame, 1)
  frame[frame.length - 1] = 0xff
  return frame
}

/** Writes a header, reserves `room` bytes after it, and returns their offset. */
function writeHead (output: Output, opcode: number, fin: boolean, length: number, room: number): number {
  const at = output.reserve(headLength(length) + room)
  return putHead(output.chunk, at, opcode, fin, length)
}

function headLength (length: number): number {
  return length < 126 ? 2 : length < 0x1_0000 ? 4 : 10
}

/** Returns the offset of the payload. */
function putHead (chunk: Buffer, at: number, opcode: number, fin: boolean, length: number): number {
  chunk[at] = fin ? FIN | opcode : opcode
  if (length < 126) {
    chunk[at + 1] = length
    return at + 2
  }
  if (length < 0x1_0000) {
    chunk[at + 1] = 126
    chunk[at + 2] = length >> 8
    chunk[at + 3] = length & 0xff
    return at + 4
  }
  chunk[at + 1] = 127
  chunk.writeUInt32BE(Math.floor(length / 0x1_0000_0000), at + 2)
  chunk.writeUInt32BE(length % 0x1_0000_0000, at + 6)
  return at + 10
}
