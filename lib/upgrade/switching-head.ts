import {
  validateHeaderName, validateHeaderValue, type OutgoingHttpHeader, type OutgoingHttpHeaders, type ServerResponse
} from 'node:http'
import type { GivenHeaders } from './response.js'

// A 101 has neither a body nor trailers.
const BODY_HEADERS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'content-type', 'trailer'])

/**
 * Encodes the head of a 101 (Switching Protocols). The headers of the handshake come first and unchanged, because hixie
 * clients compare the first lines byte by byte. The headers of the raw response follow, then those of the reply. A
 * header of the reply replaces the one with the same name on the raw response.
 * @param headers the headers of the handshake: name, value, name, value …
 * @param given the headers of the reply
 * @returns Latin-1 text, including the empty line
 * @throws ERR_INVALID_HTTP_TOKEN, ERR_INVALID_CHAR or ERR_HTTP_INVALID_HEADER_VALUE, as Node does
 */
export function encodeSwitchingHead (
  response: ServerResponse, reason: string, headers: readonly string[], given: GivenHeaders | undefined
): string {
  let head = `HTTP/1.1 101 ${reason}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += encodeHeader(headers[i] as string, headers[i + 1] as string)
  const names = response.getHeaderNames()
  const onReply = given != null && !Array.isArray(given) ? Object.keys(given) : []
  if (names.length > 0 || onReply.length > 0) {
    const taken = new Set(BODY_HEADERS)
    for (let i = 0; i < headers.length; i += 2) taken.add((headers[i] as string).toLowerCase())
    const replaced = new Set(onReply.map((name) => name.toLowerCase()))
    for (const name of names) {
      if (replaced.has(name) || taken.has(name)) continue
      head += encodeHeader(name, response.getHeader(name) as OutgoingHttpHeader)
    }
    for (const name of onReply) {
      const value = (given as OutgoingHttpHeaders)[name]
      if (value !== undefined && !taken.has(name.toLowerCase())) head += encodeHeader(name, value)
    }
  }
  return head + '\r\n'
}

function encodeHeader (name: string, value: OutgoingHttpHeader): string {
  validateHeader(name, value)
  if (!Array.isArray(value)) return `${name}: ${value}\r\n`
  return value.map((one) => `${name}: ${one}\r\n`).join('')
}

/** Throws Node's own error for an invalid name or value. */
export function validateHeader (name: string, value: OutgoingHttpHeader | undefined): void {
  validateHeaderName(name)
  if (!Array.isArray(value)) validateHeaderValue(name, value as string)
  else for (const one of value) validateHeaderValue(name, one)
}
