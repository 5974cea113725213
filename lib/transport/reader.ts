import type { Duplex } from 'node:stream'
import * as page from '../codec/page.js'
import { readInto } from './direct.js'

/** Takes what was read, the first `length` bytes of the page, before it returns. Never throws. */
export interface Receiver {
  receive (length: number): void
}

/** Where a stream finds who reads it: functions that all streams share take the place of closures for each. */
export const receiver = Symbol('receiver')

interface ReadStream extends Duplex {
  [receiver]?: Receiver
}

const window = page.bytes.subarray(0, page.PAGE_SIZE)

// While one socket's bytes are in the page, nobody else's may land there.
let isTaken = false
const waiting: Array<{ target: Receiver, bytes: Buffer }> = []

/** Has the bytes of a stream land in the page: at once where Node can be made to, else from its 'data' events. */
export function startReading (stream: Duplex, target: Receiver, directly: boolean): void {
  const reading = stream as ReadStream
  reading[receiver] = target
  // What came while the hooks ran lies in the stream.
  for (let bytes = stream.read() as Buffer | null; bytes !== null; bytes = stream.read()) receiveBytes(target, bytes)
  if (!directly || !readInto(stream, window, receivePage)) stream.on('data', receiveData)
}

/** Hands bytes over that lie elsewhere. Within another chunk they wait until it is done. */
export function receiveBytes (target: Receiver, bytes: Buffer): void {
  waiting.push({ target, bytes })
  if (!isTaken) receiveWaiting()
}

function receiveWaiting (): void {
  isTaken = true
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { target, bytes } = next
    for (let at = 0; at < bytes.length; at += page.PAGE_SIZE) {
      target.receive(bytes.copy(page.bytes, 0, at, at + page.PAGE_SIZE))
    }
  }
  isTaken = false
}

function receiveData (this: ReadStream, bytes: Buffer): void {
  receiveBytes(this[receiver] as Receiver, bytes)
}

function receivePage (this: ReadStream, length: number): boolean {
  isTaken = true
  ;(this[receiver] as Receiver).receive(length)
  isTaken = false
  if (waiting.length > 0) receiveWaiting()
  return true
}
