import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Answer, Handshake } from '../handshake/handshake.js'

/** Receives the stream of an accepted handshake, and the bytes that arrived after the head of the request. */
export type Opened = (stream: Duplex, head: Buffer) => void

/** The headers that `writeHead()` accepts. */
export type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[]

/** The headers of an answer that bypasses Fastify. */
export type RefusalHeaders = Readonly<Record<string, string | number>>

/** Receives exceptions thrown while an upgrade is answered. The client gets an answer all the same. */
export type FailureHandler = (error: unknown) => void

/**
 * An upgrade over HTTP/1.1 or HTTP/2. Fastify replies through `response` as usual. The status `acceptStatus` accepts
 * the handshake and hands the stream over; any other status is an ordinary answer.
 *
 * Other packages change the prototype of a response (Express), replace its methods or `headersSent`, or wrap it in a
 * proxy. So the state of an upgrade lives here, and the response has own methods that do not use `this`.
 */
export interface Upgrade {
  readonly response: ServerResponse
  /** The handshake, read before the hooks of the route run. */
  handshake: Handshake | undefined
  /** The status that accepts a handshake: 101, or 200 over HTTP/2 (RFC 8441 §5). */
  readonly acceptStatus: 101 | 200
  /** Whether the head of an answer has been written. */
  readonly hasBegun: boolean
  /** Whether the answer accepts the handshake. */
  readonly isAccepted: boolean
  /** Whether the answer was sent, or the connection is closed. */
  readonly isAnswered: boolean

  /** Sets the answer that a later `acceptStatus` sends. */
  accept (answer: Answer, opened: Opened): void

  /**
   * Answers without Fastify, and without the headers set so far. If another answer has begun, it is stuck, and the
   * connection is destroyed.
   */
  refuse (status: number, headers: RefusalHeaders, body: string): void

  /**
   * Reads the bytes that follow the head of the request.
   * @throws HandshakeTimeout if the client ends its side earlier, or at the time limit
   */
  readBody (length: number): Promise<Buffer>

  /**
   * Limits the time until the answer was sent. If the server waits for the client, `readBody()` rejects, which leads to
   * a 408. If it waits for hooks, the client gets a 503, and later answers of the hooks are dropped.
   * @param timeout in milliseconds
   * @param onExpired called before the 503 is sent
   */
  limitTime (timeout: number, onExpired: () => void): void

  /** Calls back once: after a refusal was sent, or when the connection closes, also after a socket was opened. */
  onceFinished (callback: () => void): void
}

// A property, because a WeakMap of responses made garbage collection cost a fifth of a handshake.
const upgrade = Symbol('upgrade')

interface UpgradeResponse {
  [upgrade]?: Upgrade
}

/** Makes `upgradeOf(response)` return an upgrade. */
export function attachUpgrade (response: object, attached: Upgrade): void {
  (response as UpgradeResponse)[upgrade] = attached
}

/** Returns the upgrade that a response answers, or undefined for other responses. */
export function upgradeOf (response: object): Upgrade | undefined {
  return (response as UpgradeResponse)[upgrade]
}

type FinishingUpgrade = Pick<Upgrade, 'isAccepted'> & { readonly response: NodeJS.EventEmitter }

/** Implements `Upgrade.onceFinished()`. */
export function onceFinished (upgrade: FinishingUpgrade, stream: Duplex, callback: () => void): void {
  const notify = atMostOnce(callback)
  upgrade.response.on('finish', () => { if (!upgrade.isAccepted) notify() })
  if (stream.closed) notify()
  else stream.once('close', notify)
}

// A function of its own, so that the closure which the stream keeps does not keep the response.
function atMostOnce (callback: () => void): () => void {
  let isCalled = false
  return () => {
    if (isCalled) return
    isCalled = true
    callback()
  }
}

/**
 * Emits 'finish' on the response of an accepted handshake, which runs Fastify's onResponse hooks and log line. Unlike
 * for a plain request, their errors must not end the process, because the socket is open by then.
 */
export function emitFinish (response: NodeJS.EventEmitter, onFailure: FailureHandler): void {
  try {
    response.emit('finish')
  } catch (error) {
    onFailure(error)
  }
}
