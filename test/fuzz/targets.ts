import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { chooseProtocol, readHandshake } from '../../lib/handshake/handshake.js'
import { negotiateDeflate, readExtensions } from '../../lib/handshake/extensions.js'
import { isListed, readOrigins, type OriginList } from '../../lib/handshake/origin.js'
import { Compression } from '../../lib/protocol/compression.js'
import { Hixie } from '../../lib/protocol/hixie.js'
import type { Protocol } from '../../lib/protocol/protocol.js'
import { Rfc6455 } from '../../lib/protocol/rfc6455.js'
import {
  encodeFrame, readClientFrame, readServerFrame, type PayloadFrame, type ReceivedFrame, type ServerFrame
} from '../../lib/topics/frames.js'
import { VERSIONS } from '../../lib/versions.js'
import { agreed, SETTINGS } from '../fixtures/deflate.js'
import { createRandom, feed, RecordingSink } from '../fixtures/sink.js'
import { cut } from './properties.js'

/** Runs code with arbitrary bytes, and throws if a property does not hold. */
export type Target = (input: Buffer) => void

function claim (holds: boolean, failure: string): asserts holds {
  if (!holds) throw new Error(failure)
}

export const LIMITS = { maxPayload: 4_096, maxFragments: 64 } as const

const KINDS = ['13', '13 compressed', '13 with contexts', 'hixie-76', 'hixie-75', '8'] as const

function createProtocol (kind: typeof KINDS[number], sink: RecordingSink): Protocol {
  switch (kind) {
    case 'hixie-76': case 'hixie-75': return new Hixie(sink, sink, LIMITS, kind)
    case '13 compressed': return new Rfc6455(sink, sink, LIMITS, '13', new Compression(sink, agreed(false), SETTINGS))
    case '13 with contexts': return new Rfc6455(sink, sink, LIMITS, '13', new Compression(sink, agreed(true), SETTINGS))
    default: return new Rfc6455(sink, sink, LIMITS, kind)
  }
}

/** Refuses what no listener may get. */
class CheckingSink extends RecordingSink {
  override message (data: Buffer, isBinary: boolean): boolean {
    claim(data.length <= LIMITS.maxPayload, `a message has ${data.length} bytes`)
    claim(isBinary || isUtf8(data), 'a text is not UTF-8')
    return super.message(data, isBinary)
  }
}

interface Allocated { largest: number, total: number }

/** What is allocated as buffers while something runs. */
export function countAllocations (run: () => void): Allocated {
  const counted: Allocated = { largest: 0, total: 0 }
  const { allocUnsafe, allocUnsafeSlow } = Buffer
  const counting = (allocate: (size: number) => Buffer<ArrayBuffer>) => (size: number): Buffer<ArrayBuffer> => {
    counted.largest = Math.max(counted.largest, size)
    counted.total += size
    return allocate(size)
  }
  Object.assign(Buffer, { allocUnsafe: counting(allocUnsafe), allocUnsafeSlow: counting(allocUnsafeSlow) })
  try {
    run()
  } finally {
    Object.assign(Buffer, { allocUnsafe, allocUnsafeSlow })
  }
  return counted
}

/** Runs a conversation. @param pieces the chunks that the client sends */
function converse (kind: typeof KINDS[number], pieces: readonly Buffer[]): unknown {
  const sink = new CheckingSink()
  const protocol = createProtocol(kind, sink)
  // Copied, because payload is unmasked in place.
  for (const piece of pieces) feed(protocol, Buffer.from(piece))
  protocol.receiveEnd()
  claim(protocol.state === 'closed', 'the end of the stream did not end the conversation')
  claim(sink.events.filter(([kind]) => kind === 'end').length === 1, 'the end was not reported once')
  return [sink.events, sink.written.toString('hex'), protocol.closeCode, protocol.closeReason.toString('hex')]
}

/** A conversation. The first byte selects its kind, and the second how the others are split. */
const protocol: Target = (input) => {
  const kind = KINDS[(input[0] ?? 0) % KINDS.length] as typeof KINDS[number]
  const random = createRandom(input[1] ?? 0)
  const rest = input.subarray(2)
  let whole: unknown
  const { largest, total } = countAllocations(() => { whole = converse(kind, [rest]) })
  const pieces = cut(rest, Array.from({ length: 20 }, () => random(1 + Math.ceil(rest.length / 6))))
  claim(isDeepStrictEqual(converse(kind, pieces), whole), `the result differs in ${pieces.length} pieces`)
  claim(isDeepStrictEqual(converse(kind, [
    ...Array.from(rest.subarray(0, 128), (byte) => Buffer.of(byte)), rest.subarray(128)
  ]), whole), 'the result differs byte by byte')
  // Eight times the bytes received, or a pool, or a chunk of zlib if there is compression.
  claim(
    largest <= Math.max(kind.startsWith('13 ') ? 65_536 : 16_384, 8 * input.length),
    `${largest} bytes were allocated at once for ${input.length}`
  )
  // An empty message in two fragments has 12 bytes, and costs a kilobyte for a short time.
  claim(total <= 262_144 + 256 * input.length, `${total} bytes were allocated for ${input.length}`)
}

const ORIGINS = readOrigins(['same-origin', 'https://a.example', /^https:\/\/[\w-]+\.example$/]) as OriginList

/** The head of a request as text, with LF as the line break. Characters that Node's parser rejects are removed. */
const handshake: Target = (input) => {
  const [first = '', ...lines] = input.toString('latin1').replace(/[\r\0]/g, '').split('\n')
  const [method = '', url = '', version = '1.1'] = first.split(' ')
  const headers: IncomingHttpHeaders = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) continue
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${String(headers[name])}, ${value}`
  }
  const request = { method, url, httpVersion: version, headers, secure: input.length % 2 === 0, host: headers.host }
  refusing(() => {
    const read = readHandshake(request, VERSIONS)
    claim(read.bodyLength === 0 || read.bodyLength === 8, 'a handshake has a body of another length')
    const answer = read.answer(chooseProtocol(read.offered, undefined), Buffer.alloc(read.bodyLength))
    claim(answer.headers.length % 2 === 0, 'the answer is not a list of pairs')
    claim(answer.headers.every((part) => !/[\r\n]/.test(part)), 'the answer contains a line break')
    if (read.origin !== undefined) isListed(ORIGINS, read.origin, request.secure, String(request.host))
  })
  refusing(() => {
    const offers = readExtensions(headers)
    for (const clientContextTakeover of [true, false]) {
      for (const windowBits of [9, 15]) {
        const found = negotiateDeflate(offers, {
          ...SETTINGS,
          contextTakeover: clientContextTakeover,
          clientContextTakeover,
          windowBits,
          clientWindowBits: windowBits
        })
        if (found === undefined) continue
        const { serverMaxWindowBits, clientMaxWindowBits } = found.parameters
        claim(serverMaxWindowBits >= 9 && serverMaxWindowBits <= windowBits, 'the window of the server is out of range')
        claim(clientMaxWindowBits >= 8 && clientMaxWindowBits <= 15, 'the window of the client is out of range')
        claim(readExtensions({ 'sec-websocket-extensions': found.answer }).length === 1, 'the answer is not readable')
      }
    }
  })
}

/** Runs code that may throw only refusals, which have a code and a status. */
function refusing (run: () => void): void {
  try {
    run()
  } catch (error) {
    const { code, statusCode } = error as { code?: unknown, statusCode?: unknown }
    if (typeof code !== 'string' || !code.startsWith('FST_WIRE_') || !(Number(statusCode) >= 400)) throw error
  }
}

/** A frame of the live subprotocol, as text and as bytes. */
const live: Target = (input) => {
  const message = Uint8Array.from([0, ...input])
  for (const given of [message, Buffer.from(message).toString('utf8')]) {
    for (const read of [readServerFrame, readClientFrame]) {
      const frame = read(given) as ReceivedFrame<ServerFrame> | undefined
      if (frame === undefined) continue
      const again = frame.head.type === 'message' || frame.head.type === 'send'
        ? read(encodeFrame(frame.head as PayloadFrame, frame.payload))
        : read(encodeFrame(frame.head))
      claim(again !== undefined, 'a frame that was read cannot be read when it is encoded again')
      claim(isDeepStrictEqual(again.head, frame.head), 'its head differs')
      claim(Buffer.from(again.payload as string).equals(Buffer.from(frame.payload as string)), 'its payload differs')
    }
  }
}

export const TARGETS = { protocol, handshake, live } as const satisfies Record<string, Target>
export type TargetName = keyof typeof TARGETS
