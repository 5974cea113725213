import type { IncomingHttpHeaders } from 'node:http'
import type { Version } from '../versions.js'

/** The facts of a request that a handshake is read from. */
export interface HandshakeRequest {
  method: string
  httpVersion: string
  /** Path and query. */
  url: string
  headers: IncomingHttpHeaders
  secure: boolean
  /** The host with its port as the client sees it; behind a trusted proxy, the forwarded one. */
  host: string | undefined
}

/** What accepts a handshake: the head of a 101, or of a 200 over HTTP/2. Its strings came as Latin-1 and must be written as such. */
export interface Answer {
  reason: string
  /** Flat: name, value, name, value, in the order the version asks for. */
  headers: string[]
  /** hixie-76: the 16 bytes that follow the head. */
  body: Buffer | undefined
}

/** A handshake that was read and found valid. */
export interface Handshake {
  readonly version: Version
  /** The subprotocols offered, in the client's order. */
  readonly offered: readonly string[]
  readonly origin: string | undefined
  /** The bytes that follow the head before the answer can be made: 8 for hixie-76, else 0. */
  readonly bodyLength: number
  /** `body` holds exactly `bodyLength` bytes. */
  answer (protocol: string | undefined, body: Buffer): Answer
}
