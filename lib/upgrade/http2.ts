import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { constants, Http2ServerResponse, type Http2Server, type Http2ServerRequest, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import { isExtendedConnect, type Answer, type Handshake } from '../handshake/handshake.js'
import { destroyStream } from '../transport/http2.js'
import { Deadline } from './deadline.js'
import { carry, whenOver, type Opened, type RefusalHeaders, type Upgrade, type UpgradeFailed } from './response.js'
import { Sessions } from './sessions.js'
import { answerFailure } from './unavailable.js'
import { nextTick } from '../timers.js'

const NOTHING = Buffer.alloc(0)

// The answer of a handshake has no body to describe, and no trailers.
const OF_A_BODY: readonly string[] = ['content-length', 'content-type', 'trailer']
// What HTTP/2 does not have, and Node throws for (RFC 9113 §8.2.2): hooks may have HTTP/1.1 in mind.
const OF_A_CONNECTION: readonly string[] = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings']

// Where a response listens to its stream.
const RESPONSE_EVENTS = ['drain', 'aborted', 'close', 'wantTrailers', 'timeout']

// What a response of HTTP/1.1 has under the same names looks for its headers elsewhere.
const HEADER_METHODS = ['setHeader', 'appendHeader', 'getHeader', 'hasHeader', 'removeHeader', 'getHeaderNames', 'getHeaders'] as const

/**
 * An extended CONNECT. Its response takes the place of the one that Node made for the same stream. Where a package has
 * changed its prototype, as Express does, it gets it back before it answers.
 */
export class Http2Upgrade implements Upgrade {
  /** In truth one of HTTP/2, which Fastify fills all the same. */
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
    carry(response, this)
    // The listeners of the first response serve whichever one the stream has.
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

  /** Whether the client is still there. */
  get isConnected (): boolean {
    const stream = this.#stream
    return !stream.destroyed && !stream.closed
  }

  get isAnswered (): boolean {
    return this.#deadline.isStopped
  }

  whenOver (callback: () => void): void {
    whenOver(this, this.#stream, callback)
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

  // What follows the head are frames: the versions that have more to say before them are not spoken over HTTP/2.
  async readBody (): Promise<Buffer> {
    return NOTHING
  }

  accept (answer: Answer, opened: Opened): void {
    this.#answer = answer
    this.#opened = opened
  }

  // Looked up at each call: tracing packages replace it on the prototype.
  get #prototype (): Http2ServerResponse {
    return Object.getPrototypeOf(this.#response) as Http2ServerResponse
  }

  // Express makes it one of HTTP/1.1, which cannot be sent over a stream of HTTP/2.
  #restorePrototype (): void {
    if (!(this.#response instanceof Http2ServerResponse)) Object.setPrototypeOf(this.#response, Http2ServerResponse.prototype)
  }

  #writeHead (status: number, given: OutgoingHttpHeaders | undefined): void {
    if (this.#isAccepted || this.#deadline.isOver || !this.isConnected) return
    const response = this.#response
    this.#restorePrototype()
    for (const name of OF_A_CONNECTION) response.removeHeader(name)
    if (status === this.acceptStatus && this.#answer !== undefined) {
      this.#respond(this.#answer, given)
      return
    }
    const head: OutgoingHttpHeaders = {}
    for (const name in given) {
      if (!OF_A_CONNECTION.includes(name.toLowerCase())) head[name] = given[name]
    }
    // To a client every status of success is an open socket (RFC 9110 §9.3.6), and what follows would be its frames.
    const refusal = status >= 200 && status < 300 ? 403 : status
    Reflect.apply(this.#prototype.writeHead, response, [refusal, head])
    this.#hasBegun = true
  }

  #respond (answer: Answer, given: OutgoingHttpHeaders | undefined): void {
    const answered: Record<string, string[]> = {}
    for (let i = 0; i < answer.headers.length; i += 2) {
      (answered[(answer.headers[i] as string).toLowerCase()] ??= []).push(answer.headers[i + 1] as string)
    }
    // What hooks set on the raw response, then what they set on the reply, then what the handshake says.
    const head: OutgoingHttpHeaders = { ...this.#response.getHeaders(), ...given, ...answered }
    for (const name in head) {
      if (head[name] === undefined || OF_A_BODY.includes(name) || OF_A_CONNECTION.includes(name)) delete head[name]
    }
    // Not by the response, which would have the stream wait for trailers when it ends.
    this.#stream.respond({ ...head, ':status': this.acceptStatus })
    this.#isAccepted = this.#hasBegun = true
    // Whether a response is over, Fastify sees by this.
    Object.defineProperty(this.response, 'writableEnded', { value: true, configurable: true })
  }

  // After the answer the stream is for frames.
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
    nextTick(() => { response.emit('finish') })
  }

  #open (opened: Opened): void {
    const stream = this.#stream
    try {
      this.#context.sessions.enter(stream)
      opened(stream, NOTHING)
    } catch (error) {
      answerFailure(this, error, this.#context.failed, () => { destroyStream(stream) })
    }
  }

  /**
   * Lets go of the stream, which holds request and response as long as it lives: 2.3 KB, and what Fastify has of them.
   * Where it has them is found by what lies there, and listeners of theirs take an empty place for their end.
   */
  #release (): void {
    const stream = this.#stream
    const response = this.#response
    const slots = stream as unknown as Record<symbol, unknown>
    for (const slot of Object.getOwnPropertySymbols(stream)) {
      if (slots[slot] === response || slots[slot] === this.#context.request) slots[slot] = undefined
    }
    // All but these.
    stream.setTimeout(0)
    stream.removeAllListeners('timeout')
  }
}

/** What an upgrade needs of the server that it came to. */
export interface ConnectContext {
  readonly request: Http2ServerRequest
  readonly sessions: Sessions
  readonly failed: UpgradeFailed
}

/** What an application does with an upgrade. */
type Routing = (request: IncomingMessage, upgrade: Http2Upgrade) => void

/** What goes on between a server and its listener. */
export interface ConnectListener {
  /** Takes no more streams on the connections that had a handshake, and ends each when its last stream is gone. */
  close (): void
  /** Stops listening. */
  stop (): void
}

export function isHttp2Server (server: object): server is Http2Server {
  return 'updateSettings' in server
}

/**
 * Answers the extended CONNECTs of a server that are for a WebSocket (RFC 8441), and tells clients that there are such.
 * With another 'connect' listener beside it, only those that `isOurs` says. What is thrown meanwhile is answered with 500,
 * and reported to `failed`.
 */
export function listenForConnects (
  server: Http2Server, routing: Routing, isOurs: (request: IncomingMessage) => boolean, failed: UpgradeFailed
): ConnectListener {
  const sessions = new Sessions()
  const onConnect = (given: Http2ServerRequest | IncomingMessage, response: Http2ServerResponse | Duplex): void => {
    const isAlone = server.listenerCount('connect') === 1
    if (!(response instanceof Http2ServerResponse)) {
      // A CONNECT of HTTP/1.1, which a server cuts where nobody listens.
      if (isAlone) response.destroy()
      return
    }
    const { stream } = response
    let upgrade: Http2Upgrade | undefined
    try {
      upgrade = take(given as Http2ServerRequest & IncomingMessage, response, isAlone)
      if (upgrade !== undefined) routing(given as IncomingMessage, upgrade)
    } catch (error) {
      answerFailure(upgrade, error, failed, () => { destroyStream(stream) })
    }
  }
  const take = (request: Http2ServerRequest & IncomingMessage, response: Http2ServerResponse, isAlone: boolean): Http2Upgrade | undefined => {
    if (!isExtendedConnect(request.headers)) {
      if (isAlone) refuseAsNode(response)
      return undefined
    }
    const { stream } = response
    const isFree = !stream.headersSent && !stream.destroyed && !stream.closed
    if (!isFree || (!isAlone && !isOurs(request))) return undefined
    if (server instanceof TlsServer && server.listenerCount('upgrade') > 1 && !isOurs(request)) {
      // Somebody else has sockets there, and knows them over HTTP/1.1 only: browsers come again with that.
      stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED)
      return undefined
    }
    const session = stream.session as ServerHttp2Session
    sessions.note(session)
    // For the router, and for hooks, it is the request that a GET would have been over HTTP/1.1.
    Object.defineProperty(request, 'method', { value: 'GET', writable: true, configurable: true })
    // Where a package changes the prototype of the request, these would be lost.
    for (const name of ['headers', 'rawHeaders', 'httpVersion', 'httpVersionMajor', 'url'] as const) pin(request, name)
    // Of a connection in memory, or of any that is no socket of Node, Node's wrapper knows no addresses.
    const connection = sessions.connectionOf(session)
    if (connection !== undefined && !(connection instanceof Socket)) Object.defineProperty(request, 'socket', { value: connection, configurable: true })
    return new Http2Upgrade(stream, { request, sessions, failed })
  }
  const accepted = server instanceof TlsServer ? 'secureConnection' : 'connection'
  server.prependListener(accepted, sessions.connected)
  server.on('session', sessions.began)
  server.on('connect', onConnect)
  // With the first frame of a session, so that no client has to wait for it.
  server.updateSettings({ enableConnectProtocol: true })
  return {
    close: () => { sessions.close() },
    stop: () => {
      server.off(accepted, sessions.connected)
      server.off('session', sessions.began)
      server.off('connect', onConnect)
    }
  }
}

function refuseAsNode (response: Http2ServerResponse): void {
  response.statusCode = 405
  response.end()
}

function pin (request: Http2ServerRequest, name: keyof Http2ServerRequest): void {
  Object.defineProperty(request, name, { value: request[name], writable: true, configurable: true })
}
