import { MissingOrigin } from '../errors.js'
import type { Handshake, HandshakeRequest } from './answer.js'
import { header } from './header.js'
import { location } from './location.js'

/**
 * Reads a handshake of draft-hixie-thewebsocketprotocol-75, section 4. Clients compare the reason phrase and the first
 * two headers of the answer byte by byte, so their order and case must not change.
 * @param host the validated host of the request
 */
export function readHixie75 (request: HandshakeRequest, host: string): Handshake {
  const origin = header(request.headers, 'origin')
  if (origin === undefined || origin === '') throw new MissingOrigin()
  // The draft allows one subprotocol, with any characters.
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
