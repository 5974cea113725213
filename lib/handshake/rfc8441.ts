import type { Handshake, HandshakeRequest } from './answer.js'
import { header } from './header.js'
import { acceptOf, readProtocols } from './rfc6455.js'

/**
 * Reads the handshake of an extended CONNECT (RFC 8441 §5). It needs no key, since only WebSocket clients send such a
 * `:protocol`. Some clients send a key anyway, and expect Sec-WebSocket-Accept.
 */
export function readRfc8441 ({ headers }: HandshakeRequest): Handshake {
  const key = header(headers, 'sec-websocket-key')
  return {
    version: '13',
    offered: readProtocols(headers),
    origin: header(headers, 'origin'),
    bodyLength: 0,
    answer: (protocol) => {
      const answered = key === undefined ? [] : ['sec-websocket-accept', acceptOf(key)]
      if (protocol !== undefined) answered.push('sec-websocket-protocol', protocol)
      return { reason: 'OK', headers: answered, body: undefined }
    }
  }
}
