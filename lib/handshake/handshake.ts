import type { IncomingHttpHeaders } from 'node:http'
import { refuse } from '../error-kinds.js'
import {
  BadConnectionHeader, BadUpgradeHeader, HttpVersionTooOld, MethodNotAllowed, MissingHost, MissingKey,
  MissingVersion, UnsupportedVersion
} from '../errors.js'
import type { Version } from '../versions.js'
import type { Handshake, HandshakeRequest } from './answer.js'
import { hasToken, header } from './header.js'
import { readHixie75 } from './hixie75.js'
import { readHixie76 } from './hixie76.js'
import { isHost } from './location.js'
import { type NumberedVersion, readRfc6455 } from './rfc6455.js'
import { readRfc8441 } from './rfc8441.js'

export type { Answer, Handshake, HandshakeRequest } from './answer.js'

/** Whether a request asks for a WebSocket, possibly among other protocols (RFC 7230 §6.7). */
export function isWebSocketUpgrade (headers: IncomingHttpHeaders): boolean {
  return hasToken(header(headers, 'upgrade'), 'websocket')
}

/**
 * Reads the handshake of a request, in the version that the client uses.
 * @throws a refusal of lib/errors.ts; add its `headers`, if any, to the reply
 */
export function readHandshake (request: HandshakeRequest, versions: readonly Version[]): Handshake {
  const { headers, host } = request
  if (isExtendedConnect(headers)) return readExtendedConnect(request, versions)
  if (request.method !== 'GET') throw new MethodNotAllowed(request.method)
  // Negated, so that NaN is refused too.
  if (!(Number(request.httpVersion) >= 1.1)) throw new HttpVersionTooOld(request.httpVersion)
  if (!isWebSocketUpgrade(headers)) throw new BadUpgradeHeader()
  if (!hasToken(header(headers, 'connection'), 'upgrade')) throw new BadConnectionHeader()
  if (!isHost(host)) throw new MissingHost()

  const version = header(headers, 'sec-websocket-version')?.trim()
  if (version !== undefined) {
    if (!isNumbered(version) || !versions.includes(version)) throw unsupported(version, versions)
    return readRfc6455(request, version)
  }
  // One of the two keys is enough: a broken hixie-76 handshake must not be accepted as hixie-75, which has no keys.
  if (headers['sec-websocket-key1'] !== undefined || headers['sec-websocket-key2'] !== undefined) {
    if (!versions.includes('hixie-76')) throw unsupported('hixie-76', versions)
    return readHixie76(request, host)
  }
  if (headers['sec-websocket-key'] !== undefined) throw missingVersion(versions)
  if (header(headers, 'upgrade') === 'WebSocket') {
    if (!versions.includes('hixie-75')) throw missingVersion(versions)
    return readHixie75(request, host)
  }
  throw new MissingKey()
}

/** Whether a request asks for a WebSocket over HTTP/2. HTTP/1.1 headers cannot have such a name. */
export function isExtendedConnect (headers: IncomingHttpHeaders): boolean {
  return headers[':protocol'] === 'websocket'
}

// RFC 8441 §5: the handshake of RFC 6455, version 13, without the headers that HTTP/2 replaces.
function readExtendedConnect (request: HandshakeRequest, versions: readonly Version[]): Handshake {
  if (!isHost(request.host)) throw new MissingHost()
  const isSpoken = versions.includes('13')
  const spoken: readonly Version[] = isSpoken ? ['13'] : versions
  const version = header(request.headers, 'sec-websocket-version')?.trim()
  if (version === undefined) throw missingVersion(spoken)
  // The refusal has no Upgrade header, which HTTP/2 forbids (RFC 9113 §8.2.2).
  if (version !== '13' || !isSpoken) {
    throw refuse(UnsupportedVersion, { headers: versionHeader(spoken) }, version, spoken.join(', '))
  }
  return readRfc8441(request)
}

/** Returns the client's first subprotocol that is in `protocols`, or its first if there is no such list. */
export function chooseProtocol (
  offered: readonly string[], protocols: readonly string[] | undefined
): string | undefined {
  return protocols === undefined ? offered[0] : offered.find(protocol => protocols.includes(protocol))
}

function isNumbered (version: string): version is NumberedVersion {
  return version === '13' || version === '8' || version === '7'
}

function unsupported (version: string, versions: readonly Version[]): Error {
  const headers = { upgrade: 'websocket', ...versionHeader(versions) }
  return refuse(UnsupportedVersion, { headers }, version, versions.join(', '))
}

function missingVersion (versions: readonly Version[]): Error {
  return refuse(MissingVersion, { headers: versionHeader(versions) }, versions.join(', '))
}

// RFC 6455 §4.4. The hixie drafts have no version number.
function versionHeader (versions: readonly Version[]): Record<string, string> {
  const numbered = versions.filter(isNumbered)
  return numbered.length === 0 ? {} : { 'sec-websocket-version': numbered.join(', ') }
}
