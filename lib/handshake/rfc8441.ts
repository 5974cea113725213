import type { Handshake, HandshakeRequest } from './answer.js'
import { header } from './header.js'
import { readProtocols } from './rfc6455.js'

/**
 * Reads the handshake of an extended CONNECT (RFC 8441 §5). It has no key: nothing that is no WebSocket client can send
 * the `:protocol` that it answers to.
 */
export function readRfc8441 ({ headers }: HandshakeRequest): Handshake {
  return {
    version: '13',
    offered: readProtocols(headers),
    origin: header(headers, 'origin'),
    bodyLength: 0,
    answer: (protocol) => ({
      reason: 'OK',
      headers: protocol === undefined ? [] : ['sec-websocket-protocol', protocol],
      body: undefined
    })
  }
}
