import type { Duplex } from 'node:stream'
import * as receiveBuffer from '../codec/receive-buffer.js'
import { remaining } from '../codec/budget.js'
import { readInto } from './direct.js'
import { Rest } from './rest.js'
import { beginShare, endShare, waitInLine, type InLine } from './turns.js'

/** Takes what was read. */
export interface ByteReceiver extends InLine {
  /**
   * Takes the first `length` bytes of the receive buffer, or as many of them as it may, before it returns.
   * @returns how many it took
   */
  receive (length: number): number
  /** What was sent meanwhile may leave. */
  received (): void
  /** Bytes that were read and not taken yet. While there are some nothing else is read. */
  rest: Rest | undefined
  /** Whether it takes nothing at present, whatever its turn. */
  readonly isPaused: boolean
  /** Reads no more: a rest has to be received first. */
  stopReading (): void
  /** The rest was received or, behind the end of the stream, as much of it as could be. */
  caughtUp (): void
}

/** Where a stream finds who reads it: functions that all streams share take the place of closures for each. */
export const receiver = Symbol('receiver')

interface ReadStream extends Duplex {
  [receiver]?: ByteReceiver
}

const window = receiveBuffer.bytes.subarray(0, receiveBuffer.RECEIVE_BUFFER_SIZE)

// While one socket's bytes are in the receive buffer, nobody else's may land there.
let isTaken = false
const waiting: Array<{ target: ByteReceiver, bytes: Buffer }> = []

/** Has the bytes of a stream land in the receive buffer: at once where Node can be made to, else from its 'data' events. */
export function startReading (stream: Duplex, target: ByteReceiver, directly: boolean): void {
  const reading = stream as ReadStream
  reading[receiver] = target
  // What came while the hooks ran lies in the stream.
  for (let bytes = stream.read() as Buffer | null; bytes !== null; bytes = stream.read()) receiveBytes(target, bytes)
  if (!directly || !readInto(stream, window, receivePage)) stream.on('data', receiveData)
}

/** Hands bytes over that lie elsewhere. Within another chunk they wait until it is done. */
export function receiveBytes (target: ByteReceiver, bytes: Buffer): void {
  waiting.push({ target, bytes })
  if (!isTaken) receiveWaiting()
}

/** Receives a share of the rest; the turn of its socket has come. */
export function receiveRest (target: ByteReceiver): void {
  const { rest } = target
  // It was dropped meanwhile.
  if (rest === undefined) return
  rest.isQueued = false
  // Whoever is paused asks for a turn when it goes on. Behind the end of a stream nothing can be left for later.
  if (target.isPaused && !rest.isClosed) return
  isTaken = true
  try {
    takeRest(target, rest)
  } finally {
    leavePage()
  }
}

/** Has the rest of a socket received when its turn comes. */
export function queueRest (target: ByteReceiver, rest: Rest): void {
  if (rest.isQueued) return
  rest.isQueued = true
  waitInLine(target)
}

// Whatever is thrown, the receive buffer is free again and nobody waits for ever.
function leavePage (): void {
  isTaken = false
  if (waiting.length > 0) receiveWaiting()
}

function receiveWaiting (): void {
  isTaken = true
  try {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) takeBytes(next.target, next.bytes)
  } finally {
    leavePage()
  }
}

function receiveData (this: ReadStream, bytes: Buffer): void {
  receiveBytes(this[receiver] as ByteReceiver, bytes)
}

function receivePage (this: ReadStream, length: number): boolean {
  isTaken = true
  try {
    takePage(this[receiver] as ByteReceiver, length)
  } finally {
    leavePage()
  }
  return true
}

function takePage (target: ByteReceiver, length: number): void {
  if (target.rest !== undefined) {
    // A connection that does not stop at once, as one of TLS, whose records were all decrypted.
    target.rest.push(Buffer.from(receiveBuffer.bytes.subarray(0, length)))
    return
  }
  const share = beginShare()
  const taken = target.receive(length)
  // The receive buffer is read into again: the one copy that is made of the rest of a chunk.
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
  let isHeld = false
  // It is another one, or none, when the connection was cut meanwhile.
  while (!isHeld && remaining() > 0 && !rest.isEmpty && target.rest === rest) {
    const length = rest.land()
    const taken = target.receive(length)
    rest.skip(length, taken)
    isHeld = taken < length
  }
  target.received()
  const isOver = endShare(target, share)
  if (target.rest !== rest) return
  const isDone = rest.isEmpty || (rest.isClosed && isHeld)
  if (isDone && !isOver) target.caughtUp()
  else if (rest.isClosed || !target.isPaused) queueRest(target, rest)
}

function keep (target: ByteReceiver, bytes: Buffer | undefined): void {
  const rest = target.rest ??= new Rest()
  if (bytes !== undefined) rest.push(bytes)
  target.stopReading()
  if (!target.isPaused) queueRest(target, rest)
}
