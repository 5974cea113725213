import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { BadHixieKey, MissingOrigin } from '../errors.js'
import type { Handshake, HandshakeRequest } from './answer.js'
import { header } from './header.js'
import { location } from './location.js'

const KEY3_LENGTH = 8
const MAX_NUMBER = 0xFFFFFFFFn

// Clients send at most 10 digits, because their product is below 2^32 (section 5.1). The limit prevents expensive
// arithmetic with a long key.
const MAX_DIGITS = 30

/**
 * Reads a handshake of draft-ietf-hybi-thewebsocketprotocol-00, section 5.2. Invalid keys are refused before the eight
 * bytes after the head arrive.
 * @param host the validated host of the request
 */
export function readHixie76 (request: HandshakeRequest, host: string): Handshake {
  const { headers } = request
  const number1 = readNumber(headers, 'Sec-WebSocket-Key1')
  const number2 = readNumber(headers, 'Sec-WebSocket-Key2')
  const origin = header(headers, 'origin')
  if (origin === undefined || origin === '') throw new MissingOrigin()
  return {
    version: 'hixie-76',
    offered: readProtocols(headers),
    origin,
    bodyLength: KEY3_LENGTH,
    answer (protocol, key3) {
      const answerHeaders = [
        'Upgrade', 'WebSocket',
        'Connection', 'Upgrade',
        'Sec-WebSocket-Origin', origin,
        'Sec-WebSocket-Location', location(request.secure, host, request.url)
      ]
      if (protocol !== undefined) answerHeaders.push('Sec-WebSocket-Protocol', protocol)
      return {
        reason: 'WebSocket Protocol Handshake',
        headers: answerHeaders,
        body: respond(number1, number2, key3)
      }
    }
  }
}

// Section 5.2: all digits, as one number, divided by the number of spaces.
function readNumber (headers: IncomingHttpHeaders, name: string): number {
  const key = header(headers, name.toLowerCase())
  if (key === undefined) throw new BadHixieKey(name, 'the header is missing')
  const digits = key.replace(/[^0-9]/g, '')
  const spaces = key.split(' ').length - 1
  if (digits === '') throw new BadHixieKey(name, 'it has no digit')
  if (digits.length > MAX_DIGITS) throw new BadHixieKey(name, `it has more than ${MAX_DIGITS} digits`)
  if (spaces === 0) throw new BadHixieKey(name, 'it has no space')
  // The number can exceed 2^53, where a Number would lose the remainder.
  const product = BigInt(digits)
  const divisor = BigInt(spaces)
  if (product % divisor !== 0n) throw new BadHixieKey(name, 'its number is not a multiple of its spaces')
  const quotient = product / divisor
  if (quotient > MAX_NUMBER) throw new BadHixieKey(name, 'its number divided by its spaces is over 2^32 - 1')
  return Number(quotient)
}

// The draft separates them by spaces; later clients send a comma-separated list.
function readProtocols (headers: IncomingHttpHeaders): string[] {
  const value = header(headers, 'sec-websocket-protocol') ?? ''
  return value.split(/[ ,]+/).filter(protocol => protocol !== '')
}

// Section 5.2: the MD5 hash of both numbers, as 32 bits in big-endian order, and key3.
function respond (number1: number, number2: number, key3: Buffer): Buffer {
  const challenge = Buffer.alloc(8 + KEY3_LENGTH)
  challenge.writeUInt32BE(number1, 0)
  challenge.writeUInt32BE(number2, 4)
  key3.copy(challenge, 8)
  return hash('md5', challenge, 'buffer')
}
