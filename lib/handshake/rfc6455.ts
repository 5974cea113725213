import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { BadKey, BadProtocolHeader, MissingKey } from '../errors.js'
import type { Version } from '../versions.js'
import type { Answer, Handshake, HandshakeRequest } from './answer.js'
import { elements, header } from './header.js'

/** The versions with a number in Sec-WebSocket-Version: RFC 6455 and the drafts that share its framing. */
export type NumberedVersion = Extract<Version, '13' | '8' | '7'>

// RFC 6455 §1.3
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

// 16 bytes in base64 (RFC 6455 §4.2.1). The unused bits of the last character are not checked: some clients set them.
const KEY = /^[A-Za-z0-9+/]{22}==$/

// The drafts require 16 bytes too, but some clients send others: the first versions of `ws` send 15.
const DRAFT_KEY = /^[A-Za-z0-9+/]{1,64}={0,2}$/

// The drafts that use these version numbers. 8 is the number of drafts 08 to 12, of which 10 is the most common.
const DRAFTS = { 7: '07', 8: '10' } as const

// RFC 7230 §3.2.6
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Reads a handshake of RFC 6455 §4.2.1 or one of its drafts. */
export function readRfc6455 (request: HandshakeRequest, version: NumberedVersion): Handshake {
  const { headers } = request
  const key = header(headers, 'sec-websocket-key')
  if (key === undefined) throw new MissingKey()
  if (version === '13') {
    if (!KEY.test(key)) throw new BadKey('16 bytes in base64, which is 24 characters (RFC 6455 §4.2.1)')
  } else if (!DRAFT_KEY.test(key)) {
    throw new BadKey(`base64 (draft-ietf-hybi-thewebsocketprotocol-${DRAFTS[version]} §5.2.1)`)
  }
  return {
    version,
    offered: readProtocols(headers),
    origin: readOrigin(headers, version),
    bodyLength: 0,
    answer: protocol => answer(key, protocol)
  }
}

/** Reads the subprotocols in Sec-WebSocket-Protocol, in the client's order (RFC 6455 §4.1, item 10). */
export function readProtocols (headers: IncomingHttpHeaders): string[] {
  const value = header(headers, 'sec-websocket-protocol')
  if (value === undefined) return []
  const protocols = elements(value)
  const areDistinct = new Set(protocols).size === protocols.length
  if (protocols.length === 0 || !areDistinct || !protocols.every(protocol => TOKEN.test(protocol))) {
    throw new BadProtocolHeader('Sec-WebSocket-Protocol')
  }
  return protocols
}

// The drafts renamed the header; RFC 6455 restored the old name (§4.1, item 8).
function readOrigin (headers: IncomingHttpHeaders, version: NumberedVersion): string | undefined {
  const origin = header(headers, 'origin')
  return version === '13' ? origin : header(headers, 'sec-websocket-origin') ?? origin
}

// RFC 6455 §4.2.2, item 5
function answer (key: string, protocol: string | undefined): Answer {
  const headers = [
    'Upgrade', 'websocket',
    'Connection', 'Upgrade',
    'Sec-WebSocket-Accept', acceptOf(key)
  ]
  if (protocol !== undefined) headers.push('Sec-WebSocket-Protocol', protocol)
  return { reason: 'Switching Protocols', headers, body: undefined }
}

/** Returns the Sec-WebSocket-Accept value for a key (RFC 6455 §4.2.2, item 5.4). */
export function acceptOf (key: string): string {
  return hash('sha1', key + GUID, 'base64')
}
