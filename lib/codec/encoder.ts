/**
 * Where encoded bytes go. `reserve()` gives room in `chunk`, so that header and payload are written next to
 * each other; `append()` queues bytes as they are, uncopied, behind everything reserved so far. Bytes that the application
 * may change when the call is over are for `borrow()`.
 */
export interface Output {
  /** The buffer that holds what was last reserved; read it after `reserve()`, which may change it. */
  readonly chunk: Buffer
  /** Whether what is written now waits for the peer. */
  readonly isStalled: boolean
  /** Makes room for `length` bytes in a row and returns the offset in `chunk` where they start. */
  reserve (length: number): number
  append (bytes: Buffer): void
  /** The same for bytes whose memory is the caller's again afterwards: what does not leave within the call is copied. */
  borrow (bytes: Buffer): void
  /** Queues a whole frame that others are sent too. */
  share (frame: Buffer): void
}

// Up to here a copy next to the header costs less than a write of two buffers.
const COPY_UP_TO = 16_384

/** RSV1 on the first frame of a compressed message (RFC 7692 §6). */
export const COMPRESSED = 0x40

const FIN = 0x80

/**
 * Writes a frame of a server, which is not masked (RFC 6455 §5.1). A large payload is not copied where it is `isOwn`, or
 * leaves within the call.
 * @param opcode with COMPRESSED where that is so
 * @param isOwn whether nobody changes the payload
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
 * Writes a frame whose payload is this text, encoded right behind its header.
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
 * Writes a text frame of the hixie drafts. Always in one piece: clients of the time break where it is cut.
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

/** A whole frame of its own, for more than one receiver. */
export function encodeFrame (opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const frame = Buffer.allocUnsafeSlow(headLength(length) + length)
  payload.copy(frame, putHead(frame, 0, opcode, true, length))
  return frame
}

/** The same of a text. */
export function encodeTextFrame (opcode: number, text: string): Buffer {
  const length = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafeSlow(headLength(length) + length)
  frame.write(text, putHead(frame, 0, opcode, true, length), length, 'utf8')
  return frame
}

/** The payload of a frame that was made so. */
export function payloadOf (frame: Buffer): Buffer {
  const short = frame[1] as number
  return frame.subarray(short < 126 ? 2 : short === 126 ? 4 : 10)
}

/** The same for the hixie drafts. */
export function encodeHixieText (payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafeSlow(payload.length + 2)
  frame[0] = 0x00
  payload.copy(frame, 1)
  frame[frame.length - 1] = 0xff
  return frame
}

/** Reserves a header with `room` bytes behind it, and returns where they start. */
function writeHead (output: Output, opcode: number, fin: boolean, length: number, room: number): number {
  const at = output.reserve(headLength(length) + room)
  return putHead(output.chunk, at, opcode, fin, length)
}

function headLength (length: number): number {
  return length < 126 ? 2 : length < 0x1_0000 ? 4 : 10
}

/** Returns where the payload starts. */
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
