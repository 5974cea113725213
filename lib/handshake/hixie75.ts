import { MissingOrigin } from '../errors.js'
import type { Handshake, HandshakeRequest } from './answer.js'
import { header } from './header.js'
import { location } from './location.js'

/**
 * Reads a handshake of draft-hixie-thewebsocketprotocol-75, section 4. `host` is the valid one of the request.
 * Clients compare the reason and the first two headers of the answer byte by byte: neither their order nor
 * their case may change.
 */
export function readHixie75 (request: HandshakeRequest, host: string): Handshake {
  const origin = header(request.headers, 'origin')
  if (origin === undefined || origin === '') throw new MissingOrigin()
  // The draft names one subprotocol, which may hold any character.
  const offered = header(request.headers, 'websocket-protocol') ?? ''
  return {
    version: 'hixie-75',
    offered: offered === '' ? [] : [offered],
    origin,
    bodyLength: 0,
    answer (protocol) {
      const headers = [
        'Upgrade', 'WebSocket',
        'Connection', 'Upgrade',
        'WebSocket-Origin', origin,
        'WebSocket-Location', location(request.secure, host, request.url)
      ]
      if (protocol !== undefined) headers.push('WebSocket-Protocol', protocol)
      return { reason: 'Web Socket Protocol Handshake', headers, body: undefined }
    }
  }
}
