import type { Duplex } from 'node:stream'
import type { Answer, Handshake } from '../handshake/handshake.js'
import type { Answerable } from './deadline.js'

/** Takes the stream over once the handshake is accepted, with the bytes that came behind the head. */
export type Opened = (stream: Duplex, head: Buffer) => void

/**
 * The response of an upgrade, over whichever version of HTTP. Fastify fills it like any other: with `acceptStatus` it
 * becomes the answer of the handshake and hands the stream over, with any other status it is an ordinary answer.
 */
export interface UpgradeResponse extends NodeJS.EventEmitter, Answerable {
  /** What was read of the request before its hooks ran. */
  handshake: Handshake | undefined
  /** The status that accepts a handshake: 101, and over HTTP/2 200 (RFC 8441 §5). */
  readonly acceptStatus: 101 | 200
  readonly statusCode: number
  /** Whether what was answered opens a socket. */
  readonly isAccepted: boolean

  /** Makes the `acceptStatus`, when it is sent, the answer of this handshake. */
  accept (answer: Answer, opened: Opened): void

  /**
   * The bytes that follow the head of the request, however they are cut.
   * @throws HandshakeTimeout when the client ends before, or when the time is over
   */
  readBody (length: number): Promise<Buffer>

  /**
   * Bounds how long the answer may take, a refusal included. When the client is late it gets 408 in the way of other
   * errors. When those who have to answer are late it gets 503, past whatever they wait for; what they answer afterwards
   * is dropped.
   * @param timeout in milliseconds
   * @param expired called with the 503
   */
  limitTime (timeout: number, expired: () => void): void

  /** Calls back once: when a refusal has been answered, or when the connection is gone, whether a socket was opened on it or not. */
  whenOver (callback: () => void): void
}

/** What `whenOver()` of either response does. */
export function whenOver (response: UpgradeResponse, stream: Duplex, callback: () => void): void {
  const tell = atMostOnce(callback)
  response.on('finish', () => { if (!response.isAccepted) tell() })
  if (stream.closed) tell()
  else stream.once('close', tell)
}

// Out here, so that what a stream keeps does not keep the response.
function atMostOnce (callback: () => void): () => void {
  let isCalled = false
  return () => {
    if (isCalled) return
    isCalled = true
    callback()
  }
}
