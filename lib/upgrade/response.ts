import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Answer, Handshake } from '../handshake/handshake.js'

/** Takes the stream over once the handshake is accepted, with the bytes that came behind the head. */
export type Opened = (stream: Duplex, head: Buffer) => void

/** Headers as `writeHead()` takes them. */
export type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[]

/** The headers of an answer that is made here, past Fastify. */
export type RefusalHeaders = Readonly<Record<string, string | number>>

/** Gets what was thrown while an upgrade was answered. The client has its answer all the same. */
export type UpgradeFailed = (error: unknown) => void

/**
 * An upgrade, over whichever version of HTTP. Its `response` is what Fastify fills like any other: with `acceptStatus` it
 * becomes the answer of the handshake and hands the stream over, with any other status it is an ordinary answer.
 *
 * Other packages change the prototype of a response (Express), replace its methods or its `headersSent`, and wrap it in a
 * proxy. So all that belongs to an upgrade is here, and the response has own methods that do not look at `this`.
 */
export interface Upgrade {
  readonly response: ServerResponse
  /** What was read of the request before its hooks ran. */
  handshake: Handshake | undefined
  /** The status that accepts a handshake: 101, and over HTTP/2 200 (RFC 8441 §5). */
  readonly acceptStatus: 101 | 200
  /** Whether the head of an answer has been written. */
  readonly hasBegun: boolean
  /** Whether what was answered opens a socket. */
  readonly isAccepted: boolean
  /** Whether the answer has left, or the connection is gone: its time has not to be limited any more. */
  readonly isAnswered: boolean

  /** Makes the `acceptStatus`, when it is sent, the answer of this handshake. */
  accept (answer: Answer, opened: Opened): void

  /**
   * Answers past Fastify, without the headers that were set so far. Where an answer has begun the connection is cut: the
   * client does not take it, or it does not end.
   */
  refuse (status: number, headers: RefusalHeaders, body: string): void

  /**
   * The bytes that follow the head of the request, however they are cut.
   * @throws HandshakeTimeout when the client ends before, or when the time is over
   */
  readBody (length: number): Promise<Buffer>

  /**
   * Bounds how long the answer may take, a refusal included. When the client is late it gets 408 in the way of other
   * errors. When the hooks are late it gets 503, past whatever they wait for; what they answer afterwards is dropped.
   * @param timeout in milliseconds
   * @param expired called with the 503
   */
  limitTime (timeout: number, expired: () => void): void

  /** Calls back once: when a refusal has been answered, or when the connection is gone, whether a socket was opened on it or not. */
  whenOver (callback: () => void): void
}

// On the response, and not in a WeakMap of responses: that made the collector cost a fifth of a handshake.
const upgrade = Symbol('upgrade')

interface UpgradeResponse {
  [upgrade]?: Upgrade
}

/** Has a response lead to its upgrade. */
export function carry (response: object, carried: Upgrade): void {
  (response as UpgradeResponse)[upgrade] = carried
}

/** The upgrade that a response answers; undefined for any other response. */
export function upgradeOf (response: object): Upgrade | undefined {
  return (response as UpgradeResponse)[upgrade]
}

/** What `whenOver()` of either upgrade does. */
export function whenOver (over: Pick<Upgrade, 'isAccepted'> & { readonly response: NodeJS.EventEmitter }, stream: Duplex, callback: () => void): void {
  const notify = atMostOnce(callback)
  over.response.on('finish', () => { if (!over.isAccepted) notify() })
  if (stream.closed) notify()
  else stream.once('close', notify)
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
