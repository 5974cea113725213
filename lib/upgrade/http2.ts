import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Http2ServerResponse, type Http2ServerRequest, type ServerHttp2Stream } from 'node:http2'
import type { Answer, Handshake } from '../handshake/handshake.js'
import { destroyStream } from '../transport/http2.js'
import { Deadline } from './deadline.js'
import {
  attachUpgrade, emitFinish, onceFinished, type FailureHandler, type Opened, type RefusalHeaders, type Upgrade
} from './response.js'
import type { Sessions } from './sessions.js'
import { answerFailure } from './unavailable.js'
import { nextTick } from '../timers.js'

const EMPTY = Buffer.alloc(0)

// The answer to a handshake has neither a body nor trailers.
const BODY_HEADERS: readonly string[] = ['content-length', 'content-type', 'trailer']
// HTTP/2 forbids these, and Node throws for them (RFC 9113 §8.2.2). Hooks written for HTTP/1.1 may set them.
const CONNECTION_HEADERS: readonly string[] = [
  'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'
]

// The stream events to which a response listens.
const RESPONSE_EVENTS = ['drain', 'aborted', 'close', 'wantTrailers', 'timeout']

// Express replaces the prototype with that of an HTTP/1.1 response, whose methods keep the headers elsewhere.
const HEADER_METHODS = [
  'setHeader', 'appendHeader', 'getHeader', 'hasHeader', 'removeHeader', 'getHeaderNames', 'getHeaders'
] as const

/** The request of an upgrade, and the objects that it shares with other upgrades of its server. */
export interface ConnectContext {
  readonly request: Http2ServerRequest
  readonly sessions: Sessions
  readonly onFailure: FailureHandler
}

/**
 * An extended CONNECT. Its response replaces the one that Node created for the stream. If a package changed the
 * prototype of the response, as Express does, the prototype is restored before the answer.
 */
export class Http2Upgrade implements Upgrade {
  /** An Http2ServerResponse, typed as Fastify expects it. */
  readonly response: ServerResponse
  handshake: Handshake | undefined
  readonly acceptStatus = 200
  readonly #response: Http2ServerResponse
  readonly #stream: ServerHttp2Stream
  readonly #context: ConnectContext
  #answer: Answer | undefined
  #opened: Opened | undefined
  #hasBegun = false
  #isAccepted = false
  readonly #deadline = new Deadline(this)

  constructor (stream: ServerHttp2Stream, context: ConnectContext) {
    const response = new Http2ServerResponse(stream)
    this.#response = response
    this.response = response as unknown as ServerResponse
    this.#stream = stream
    this.#context = context
    attachUpgrade(response, this)
    // The listeners of the first response serve the second as well.
    for (const name of RESPONSE_EVENTS) stream.off(name, stream.listeners(name).at(-1) as () => void)
    response.once('close', () => { this.#deadline.stop() })
    for (const name of HEADER_METHODS) Object.assign(response, { [name]: response[name] })
    Object.assign(response, {
      writeHead: (status: number, message?: string | OutgoingHttpHeaders, headers?: OutgoingHttpHeaders) => {
        this.#writeHead(status, typeof message === 'object' ? message : headers)
        return response
      },
      write: (...args: unknown[]) => this.#write(args),
      end: (...args: unknown[]) => {
        this.#end(args)
        return response
      }
    })
  }

  get hasBegun (): boolean {
    return this.#hasBegun
  }

  get isAccepted (): boolean {
    return this.#isAccepted
  }

  /** Whether the stream is open. */
  get isConnected (): boolean {
    const stream = this.#stream
    return !stream.destroyed && !stream.closed
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
      destroyStream(this.#stream)
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    response.writeHead(status, headers)
    response.end(body)
  }

  // Over HTTP/2 there is only version 13, whose handshake has no body.
  async readBody (): Promise<Buffer> {
    return EMPTY
  }

  accept (answer: Answer, opened: Opened): void {
    this.#answer = answer
    this.#opened = opened
  }

  // Looked up at each call: tracing packages patch the prototype.
  get #prototype (): Http2ServerResponse {
    return Object.getPrototypeOf(this.#response) as Http2ServerResponse
  }

  // A response with the HTTP/1.1 prototype of Express cannot be sent over HTTP/2.
  #restorePrototype (): void {
    const response = this.#response
    if (!(response instanceof Http2ServerResponse)) Object.setPrototypeOf(response, Http2ServerResponse.prototype)
  }

  #writeHead (status: number, given: OutgoingHttpHeaders | undefined): void {
    if (this.#isAccepted || this.#deadline.isOver || !this.isConnected) return
    const response = this.#response
    this.#restorePrototype()
    for (const name of CONNECTION_HEADERS) response.removeHeader(name)
    if (status === this.acceptStatus && this.#answer !== undefined) {
      this.#respond(this.#answer, given)
      return
    }
    const head: OutgoingHttpHeaders = {}
    for (const name in given) {
      if (!CONNECTION_HEADERS.includes(name.toLowerCase())) head[name] = given[name]
    }
    // A client takes any 2xx for an open socket (RFC 9110 §9.3.6), and the body for frames.
    const refusal = status >= 200 && status < 300 ? 403 : status
    Reflect.apply(this.#prototype.writeHead, response, [refusal, head])
    this.#hasBegun = true
  }

  #respond (answer: Answer, given: OutgoingHttpHeaders | undefined): void {
    const answered: Record<string, string[]> = {}
    for (let i = 0; i < answer.headers.length; i += 2) {
      (answered[(answer.headers[i] as string).toLowerCase()] ??= []).push(answer.headers[i + 1] as string)
    }
    // Headers of the reply replace those of the raw response; headers of the handshake replace both.
    const head: OutgoingHttpHeaders = { ...this.#response.getHeaders(), ...given, ...answered }
    for (const name in head) {
      const isForbidden = BODY_HEADERS.includes(name) || CONNECTION_HEADERS.includes(name)
      if (head[name] === undefined || isForbidden) delete head[name]
    }
    // Not through the response, which would make the stream wait for trailers at its end.
    this.#stream.respond({ ...head, ':status': this.acceptStatus })
    this.#isAccepted = this.#hasBegun = true
    // Fastify reads this to see that the reply was sent.
    Object.defineProperty(this.response, 'writableEnded', { value: true, configurable: true })
  }

  // After the answer the stream carries frames.
  #write (args: unknown[]): boolean {
    if (this.#isAccepted || this.#deadline.isOver) return false
    this.#restorePrototype()
    return Reflect.apply(this.#prototype.write, this.#response, args) as boolean
  }

  #end (args: unknown[]): void {
    if (this.#deadline.isOver) return
    const { response } = this
    this.#restorePrototype()
    if (!this.#hasBegun) response.writeHead(response.statusCode)
    if (!this.#isAccepted) {
      Reflect.apply(this.#prototype.end, this.#response, args)
      return
    }
    const opened = this.#opened
    if (opened === undefined) return
    this.#opened = undefined
    this.#deadline.stop()
    this.#release()
    if (this.isConnected) this.#open(opened)
    const { onFailure } = this.#context
    nextTick(() => { emitFinish(response, onFailure) })
  }

  #open (opened: Opened): void {
    const stream = this.#stream
    try {
      this.#context.sessions.addSocket(stream)
      opened(stream, EMPTY)
    } catch (error) {
      answerFailure(this, error, this.#context.onFailure, () => { destroyStream(stream) })
    }
  }

  /**
   * Removes the references from the stream to the request and the response, which keep 2.3 KB and the objects of
   * Fastify alive as long as the stream. Their keys are private symbols, so they are found by value. Node's own
   * listeners treat an empty slot as a response that has ended.
   */
  #release (): void {
    const stream = this.#stream
    const response = this.#response
    const slots = stream as unknown as Record<symbol, unknown>
    for (const slot of Object.getOwnPropertySymbols(stream)) {
      if (slots[slot] === response || slots[slot] === this.#context.request) slots[slot] = undefined
    }
    // Only the 'timeout' listeners would still need them.
    stream.setTimeout(0)
    stream.removeAllListeners('timeout')
  }
}
