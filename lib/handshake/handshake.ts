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

/** Whether a request asks for a WebSocket, among what else it may ask for (RFC 7230 §6.7). */
export function isWebSocketUpgrade (headers: IncomingHttpHeaders): boolean {
  return hasToken(header(headers, 'upgrade'), 'websocket')
}

/**
 * Reads the handshake of a request in the one version that it speaks.
 * @throws a refusal of lib/errors.ts, whose `headers`, where it has some, belong on the reply.
 */
export function readHandshake (request: HandshakeRequest, versions: readonly Version[]): Handshake {
  const { headers, host } = request
  if (isExtendedConnect(headers)) return readExtendedConnect(request, versions)
  if (request.method !== 'GET') throw new MethodNotAllowed(request.method)
  // Negated, so that what is no number is refused too.
  if (!(Number(request.httpVersion) >= 1.1)) throw new HttpVersionTooOld(request.httpVersion)
  if (!isWebSocketUpgrade(headers)) throw new BadUpgradeHeader()
  if (!hasToken(header(headers, 'connection'), 'upgrade')) throw new BadConnectionHeader()
  if (!isHost(host)) throw new MissingHost()

  const version = header(headers, 'sec-websocket-version')?.trim()
  if (version !== undefined) {
    if (!isNumbered(version) || !versions.includes(version)) throw unsupported(version, versions)
    return readRfc6455(request, version)
  }
  // One of the two keys is enough to tell: a broken hixie-76 handshake must not pass as one of hixie-75,
  // whose answer asks for no proof.
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

/** Whether a request asks for a WebSocket over HTTP/2. No header of HTTP/1.1 can have such a name. */
export function isExtendedConnect (headers: IncomingHttpHeaders): boolean {
  return headers[':protocol'] === 'websocket'
}

// RFC 8441 §5 has the handshake of RFC 6455, without what HTTP/2 says itself, and with none of its drafts.
function readExtendedConnect (request: HandshakeRequest, versions: readonly Version[]): Handshake {
  if (!isHost(request.host)) throw new MissingHost()
  const isSpoken = versions.includes('13')
  const spoken: readonly Version[] = isSpoken ? ['13'] : versions
  const version = header(request.headers, 'sec-websocket-version')?.trim()
  if (version === undefined) throw missingVersion(spoken)
  // With no Upgrade header, which HTTP/2 does not have (RFC 9113 §8.2.2).
  if (version !== '13' || !isSpoken) throw refuse(UnsupportedVersion, { headers: versionHeader(spoken) }, version, spoken.join(', '))
  return readRfc8441(request)
}

/** The subprotocol to speak: the client's first that stands in `protocols`, or its first when there is no list. */
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

// RFC 6455 §4.4. The hixie drafts have no number to put there.
function versionHeader (versions: readonly Version[]): Record<string, string> {
  const numbered = versions.filter(isNumbered)
  return numbered.length === 0 ? {} : { 'sec-websocket-version': numbered.join(', ') }
}
