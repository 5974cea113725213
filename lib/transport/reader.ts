import type { Duplex } from 'node:stream'
import * as receiveBuffer from '../codec/receive-buffer.js'
import { remaining } from '../codec/budget.js'
import { readInto } from './direct.js'
import { Rest } from './rest.js'
import { beginShare, endShare, waitForTurn, type TurnTaker } from './turns.js'

/** Processes the bytes that were read. */
export interface ByteReceiver extends TurnTaker {
  /**
   * Processes the first `length` bytes of the receive buffer synchronously, or some of them.
   * @returns the number of bytes processed
   */
  receive (length: number): number
  /** Called after `receive()`: sends the answers. */
  received (): void
  /** Bytes that were read but not processed yet. While it is set, nothing else is read. */
  rest: Rest | undefined
  /** Whether no bytes are accepted at present. */
  readonly isPaused: boolean
  /** Stops reading until `restReceived()`. */
  stopReading (): void
  /** Called when the rest was processed or, after the end of the stream, as much of it as possible. */
  restReceived (): void
}

/** The property of a stream that holds its receiver. It lets all streams share their listeners, without closures. */
export const receiver = Symbol('receiver')

interface ReadStream extends Duplex {
  [receiver]?: ByteReceiver
}

const window = receiveBuffer.bytes.subarray(0, receiveBuffer.RECEIVE_BUFFER_SIZE)

// While the receive buffer holds bytes of one socket, bytes of others have to wait.
let isBufferInUse = false
const waiting: Array<{ target: ByteReceiver, bytes: Buffer }> = []

/** Reads a stream into the receive buffer: directly if possible, otherwise by copying its 'data' chunks. */
export function startReading (stream: Duplex, target: ByteReceiver, directly: boolean): void {
  const reading = stream as ReadStream
  reading[receiver] = target
  // The stream has buffered the bytes that arrived while hooks ran.
  for (let bytes = stream.read() as Buffer | null; bytes !== null; bytes = stream.read()) receiveBytes(target, bytes)
  if (!directly || !readInto(stream, window, receiveInPlace)) stream.on('data', receiveData)
}

/** Receives bytes from another buffer. If a chunk is being processed, they wait until it is done. */
export function receiveBytes (target: ByteReceiver, bytes: Buffer): void {
  waiting.push({ target, bytes })
  if (!isBufferInUse) receiveWaiting()
}

/** Processes a share of the rest, in the turn of its socket. */
export function receiveRest (target: ByteReceiver): void {
  const { rest } = target
  // The rest was dropped meanwhile.
  if (rest === undefined) return
  rest.isQueued = false
  // A paused socket queues its rest again when it resumes. After the end of the stream it must be processed anyway.
  if (target.isPaused && !rest.isClosed) return
  isBufferInUse = true
  try {
    takeRest(target, rest)
  } finally {
    freeReceiveBuffer()
  }
}

/** Queues the rest of a socket for its next turn. */
export function queueRest (target: ByteReceiver, rest: Rest): void {
  if (rest.isQueued) return
  rest.isQueued = true
  waitForTurn(target)
}

// Called even if something throws, so that the waiting sockets continue.
function freeReceiveBuffer (): void {
  isBufferInUse = false
  if (waiting.length > 0) receiveWaiting()
}

function receiveWaiting (): void {
  isBufferInUse = true
  try {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) takeBytes(next.target, next.bytes)
  } finally {
    freeReceiveBuffer()
  }
}

function receiveData (this: ReadStream, bytes: Buffer): void {
  receiveBytes(this[receiver] as ByteReceiver, bytes)
}

function receiveInPlace (this: ReadStream, length: number): boolean {
  isBufferInUse = true
  try {
    takeInPlace(this[receiver] as ByteReceiver, length)
  } finally {
    freeReceiveBuffer()
  }
  return true
}

function takeInPlace (target: ByteReceiver, length: number): void {
  if (target.rest !== undefined) {
    // A TLS connection does not stop at once: it emits all records already decrypted.
    target.rest.push(Buffer.from(receiveBuffer.bytes.subarray(0, length)))
    return
  }
  const share = beginShare()
  const taken = target.receive(length)
  // The only copy of the rest, because the receive buffer will be overwritten.
  const rest = taken < length ? Buffer.from(receiveBuffer.bytes.subarray(taken, length)) : undefined
  target.received()
  if (endShare(target, share) || rest !== undefined) keep(target, rest)
}

function takeBytes (target: ByteReceiver, bytes: Buffer): void {
  if (target.rest !== undefined) {
    target.rest.push(bytes)
    return
  }
  const share = beginShare()
  const length = bytes.copy(receiveBuffer.bytes, 0, 0, receiveBuffer.RECEIVE_BUFFER_SIZE)
  const taken = target.receive(length)
  target.received()
  if (endShare(target, share) || taken < bytes.length) keep(target, bytes.subarray(taken))
}

function takeRest (target: ByteReceiver, rest: Rest): void {
  const share = beginShare()
  let isBlocked = false
  // The rest is replaced or removed if the connection is destroyed meanwhile.
  while (!isBlocked && remaining() > 0 && !rest.isEmpty && target.rest === rest) {
    const length = rest.copyWindow()
    const taken = target.receive(length)
    rest.skip(length, taken)
    isBlocked = taken < length
  }
  target.received()
  const isOver = endShare(target, share)
  if (target.rest !== rest) return
  const isDone = rest.isEmpty || (rest.isClosed && isBlocked)
  if (isDone && !isOver) target.restReceived()
  else if (rest.isClosed || !target.isPaused) queueRest(target, rest)
}

function keep (target: ByteReceiver, bytes: Buffer | undefined): void {
  const rest = target.rest ??= new Rest()
  if (bytes !== undefined) rest.push(bytes)
  target.stopReading()
  if (!target.isPaused) queueRest(target, rest)
}
