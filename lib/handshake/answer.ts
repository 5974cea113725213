import type { IncomingHttpHeaders } from 'node:http'
import type { Version } from '../versions.js'

/** The parts of a request that a handshake is read from. */
export interface HandshakeRequest {
  method: string
  httpVersion: string
  /** Path and query. */
  url: string
  headers: IncomingHttpHeaders
  secure: boolean
  /** The host and port that the client connected to; behind a trusted proxy, the forwarded one. */
  host: string | undefined
}

/** Accepts a handshake: the head of a 101 response, or of a 200 over HTTP/2. Write its strings as Latin-1. */
export interface Answer {
  reason: string
  /** Alternating names and values, in the order that the version requires. */
  headers: string[]
  /** The 16 bytes after the head, for hixie-76. */
  body: Buffer | undefined
}

/** A valid handshake. */
export interface Handshake {
  readonly version: Version
  /** The subprotocols offered, in the client's order. */
  readonly offered: readonly string[]
  readonly origin: string | undefined
  /** The number of bytes after the head that `answer()` needs: 8 for hixie-76, otherwise 0. */
  readonly bodyLength: number
  /** @param body exactly `bodyLength` bytes */
  answer (protocol: string | undefined, body: Buffer): Answer
}
