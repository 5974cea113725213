import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { HandshakeTimeout } from '../errors.js'
import type { Answer, Handshake } from '../handshake/handshake.js'
import { abortRequest } from './abort.js'
import type { Connections } from './connections.js'
import { Deadline } from './deadline.js'
import {
  attachUpgrade, emitFinish, onceFinished, type FailureHandler, type GivenHeaders, type Opened, type RefusalHeaders,
  type Upgrade
} from './response.js'
import { encodeSwitchingHead, validateHeader } from './switching-head.js'
import { answerFailure } from './unavailable.js'

/** The objects that all upgrades of one server share. */
export interface UpgradeContext {
  readonly connections: Connections
  readonly onFailure: FailureHandler
}

/**
 * An upgrade over HTTP/1.1. This class writes the 101 itself instead of using Node's response. That way the head and
 * the body of hixie-76 leave in one write, and headers that describe a body are left out. After any other status the
 * connection ends.
 */
export class Http1Upgrade implements Upgrade {
  readonly response: ServerResponse
  handshake: Handshake | undefined
  readonly acceptStatus = 101
  readonly #request: IncomingMessage
  readonly #stream: Duplex
  readonly #context: UpgradeContext
  /** The bytes that arrived after the head of the request. */
  #early: Buffer
  #answer: Answer | undefined
  #opened: Opened | undefined
  /** The head of the 101, as Latin-1, once it was encoded. */
  #acceptedHead: string | undefined
  #hasBegun = false
  // The listeners of the stream. Most upgrades need none, because they are accepted at once.
  #onGone: (() => void) | undefined
  #onDrain: (() => void) | undefined
  readonly #deadline = new Deadline(this)

  constructor (request: IncomingMessage, stream: Duplex, early: Buffer, context: UpgradeContext) {
    const response = new ServerResponse(request)
    this.response = response
    this.#request = request
    this.#context = context
    this.#stream = stream
    this.#early = early
    attachUpgrade(response, this)
    response.shouldKeepAlive = false
    response.writeHead = (status: number, reason?: string | GivenHeaders, headers?: GivenHeaders) => {
      this.#writeHead(status, reason, headers)
      return response
    }
    response.write = (...args: unknown[]) => this.#write(args)
    response.end = (...args: unknown[]) => {
      this.#end(args)
      return response
    }
    response.flushHeaders = () => { this.#flushHeaders() }
    // Any duplex works here: the response only writes to it.
    response.assignSocket(stream as Socket)
    response.on('finish', this.#onFinish)
  }

  /**
   * Starts to listen for the end of the stream. Stream events arrive in later ticks, so an upgrade that was accepted
   * synchronously, as most are, needs no listeners.
   */
  watch (): void {
    if (this.isAccepted && this.#opened === undefined) return
    // Until the server writes, a half-closed connection looks like a lost one. Like Node, treat it as lost.
    const onGone = this.#onGone = () => {
      if (this.#stream.destroyed) this.#deadline.stop()
      try {
        abortRequest(this.#request)
      } catch (error) {
        this.#context.onFailure(error)
      }
    }
    this.#stream.on('end', onGone)
    this.#stream.on('close', onGone)
  }

  readonly #onFinish = (): void => {
    if (this.isAccepted) return
    this.#release()
    this.#context.connections.end(this.#stream)
  }

  #release (): void {
    const stream = this.#stream
    this.#deadline.stop()
    if (this.#onGone !== undefined) {
      stream.off('end', this.#onGone)
      stream.off('close', this.#onGone)
    }
    if (this.#onDrain !== undefined) stream.off('drain', this.#onDrain)
    // The stream may belong to another response by now.
    const socket = stream as Socket & { _httpMessage?: unknown }
    if (socket._httpMessage === this.response) ServerResponse.prototype.detachSocket.call(this.response, socket)
  }

  /** Whether the connection is open. */
  get isConnected (): boolean {
    return !this.#stream.destroyed
  }

  get hasBegun (): boolean {
    return this.#hasBegun
  }

  get isAccepted (): boolean {
    return this.#acceptedHead !== undefined
  }

  get isAnswered (): boolean {
    return this.#deadline.isStopped
  }

  onceFinished (callback: () => void): void {
    onceFinished(this, this.#stream, callback)
  }

  limitTime (timeout: number, expired: () => void): void {
    this.#deadline.start(timeout, expired)
  }

  refuse (status: number, headers: RefusalHeaders, body: string): void {
    const { response } = this
    if (this.#hasBegun) {
      this.#stream.destroy()
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    // A hook may have set a status message for another status.
    response.statusMessage = ''
    response.writeHead(status, headers)
    response.end(body)
  }

  async readBody (length: number): Promise<Buffer> {
    const request = this.#request
    // With a Content-Length, which some clients send, the body belongs to the request from Node.js 26, and precedes
    // what the stream has.
    if (!request.complete || request.readableLength > 0) {
      const head = this.#early
      this.#early = EMPTY
      await this.#collect(request, length)
      this.#early = Buffer.concat([this.#early, head])
    }
    if (this.#early.length < length) await this.#collect(this.#stream, length)
    const body = this.#early.subarray(0, length)
    this.#early = this.#early.subarray(length)
    return body
  }

  #collect (stream: Readable, length: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const onData = (bytes: Buffer): void => {
        this.#early = Buffer.concat([this.#early, bytes])
        if (this.#early.length >= length) settle(resolve)
      }
      const onEnd = (): void => { settle(() => { reject(new HandshakeTimeout(this.#deadline.timeout)) }) }
      const settle = (finish: () => void): void => {
        this.#deadline.giveUp = undefined
        stream.off('data', onData)
        stream.off('end', onEnd)
        stream.off('close', onEnd)
        stream.pause()
        finish()
      }
      this.#deadline.giveUp = onEnd
      stream.on('data', onData)
      stream.on('end', onEnd)
      stream.on('close', onEnd)
      if (stream.readableEnded) onEnd()
      else stream.resume()
    })
  }

  accept (answer: Answer, opened: Opened): void {
    this.#answer = answer
    this.#opened = opened
  }

  // Looked up at each call: tracing packages patch the prototype, and Express replaces it.
  get #prototype (): ServerResponse {
    return Object.getPrototypeOf(this.response) as ServerResponse
  }

  #writeHead (status: number, reason: string | GivenHeaders | undefined, headers: GivenHeaders | undefined): void {
    if (this.#deadline.isOver || this.isAccepted) return
    const given = typeof reason === 'object' ? reason : headers
    // After the head of a refusal, Node throws for a 101 as for any second head.
    if (this.#isAcceptedBy(status)) this.#setAcceptedHead(this.#answer as Answer, given)
    else this.#writeRefusal(status, typeof reason === 'string' ? reason : undefined, given)
    this.#hasBegun = true
  }

  /** Whether this status, sent now, accepts the handshake. */
  #isAcceptedBy (status: number): boolean {
    return status === 101 && this.#answer !== undefined && !this.#hasBegun
  }

  #writeRefusal (status: number, reason: string | undefined, given: GivenHeaders | undefined): void {
    const { response } = this
    const { statusCode, statusMessage } = response
    try {
      // Validate first: Node validates only after it has changed the status.
      if (given != null && !Array.isArray(given)) for (const name in given) validateHeader(name, given[name])
      const args = reason === undefined ? [status, given] : [status, reason, given]
      Reflect.apply(this.#prototype.writeHead, response, args)
    } catch (error) {
      // The error handler answers again, with another status.
      response.statusCode = statusCode
      response.statusMessage = statusMessage
      throw error
    }
  }

  #setAcceptedHead ({ reason, headers }: Answer, given: GivenHeaders | undefined): void {
    const { response } = this
    const head = encodeSwitchingHead(response, reason, headers, given)
    this.#acceptedHead = head
    response.statusCode = 101
    response.statusMessage = reason
    // Node's `headersSent` reads this field.
    ;(response as WrittenResponse)._header = head
    // A package may have replaced the getter.
    if (!response.headersSent) Object.defineProperty(response, 'headersSent', TRUE_PROPERTY)
  }

  #flushHeaders (): void {
    if (this.isAccepted) return
    if (this.#isAcceptedBy(this.response.statusCode)) this.response.writeHead(101)
    else this.#prototype.flushHeaders.call(this.response)
  }

  // A 101 has no body.
  #write (args: unknown[]): boolean {
    if (this.#deadline.isOver || this.isAccepted) return false
    this.#forwardDrain()
    return Reflect.apply(this.#prototype.write, this.response, args) as boolean
  }

  // Streamed refusals wait for 'drain'. After an upgrade Node's server no longer emits it, so forward it here.
  #forwardDrain (): void {
    if (this.#onDrain !== undefined) return
    this.#onDrain = () => { this.response.emit('drain') }
    this.#stream.on('drain', this.#onDrain)
  }

  #end (args: unknown[]): void {
    const { response } = this
    if (this.#deadline.isOver) return
    if (!this.isAccepted) {
      if (!this.#isAcceptedBy(response.statusCode)) {
        Reflect.apply(this.#prototype.end, response, args)
        return
      }
      response.writeHead(101)
    }
    const opened = this.#opened
    if (opened === undefined) return
    this.#opened = undefined
    const stream = this.#stream
    const body = this.#answer?.body?.toString('latin1') ?? ''
    // One write for head and body: some hixie-76 clients expect both in one packet.
    const { onFailure } = this.#context
    stream.write(this.#acceptedHead + body, 'latin1', (error) => {
      if (error == null) emitFinish(response, onFailure)
    })
    // Node's `writableEnded` reads this field.
    response.finished = true
    if (!response.writableEnded) Object.defineProperty(response, 'writableEnded', TRUE_PROPERTY)
    this.#release()
    if (!stream.destroyed) this.#open(opened)
  }

  #open (opened: Opened): void {
    const stream = this.#stream
    this.#context.connections.forget(stream)
    // From Node.js 26 the stream waits for the end of the request's body.
    if (!this.#request.complete) this.#request.resume()
    try {
      opened(stream, this.#early)
      // The socket has its own listener now.
      stream.off('error', ignoreError)
    } catch (error) {
      answerFailure(this, error, this.#context.onFailure, () => { stream.destroy() })
    }
  }
}

const EMPTY = Buffer.alloc(0)

const TRUE_PROPERTY: PropertyDescriptor = { value: true, writable: true, configurable: true }

/** The 'error' listener of a stream that neither Node's server nor a socket listens to. */
export function ignoreError (): void {}

/** A response with a private field of Node that its types omit. */
interface WrittenResponse extends ServerResponse {
  _header?: string | null
}
