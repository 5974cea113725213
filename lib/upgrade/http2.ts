import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { constants, Http2ServerResponse, type Http2Server, type Http2ServerRequest, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import { isExtendedConnect, type Answer, type Handshake } from '../handshake/handshake.js'
import { cut } from '../transport/http2.js'
import { Deadline } from './deadline.js'
import { whenOver, type Opened, type UpgradeResponse } from './response.js'
import { Sessions } from './sessions.js'
import { nextTick } from '../timers.js'

const NOTHING = Buffer.alloc(0)

// The answer of a handshake has no body to describe.
const OF_A_BODY: readonly string[] = ['content-length', 'content-type']
// What HTTP/2 does not have, and Node throws for (RFC 9113 §8.2.2): hooks may have HTTP/1.1 in mind.
const OF_A_CONNECTION: readonly string[] = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings']

// Where a response listens to its stream.
const RESPONSE_EVENTS = ['drain', 'aborted', 'close', 'wantTrailers', 'timeout']

/** The response of an extended CONNECT. It takes the place of the one that Node made for the same stream. */
export class Http2Response extends Http2ServerResponse implements UpgradeResponse {
  handshake: Handshake | undefined
  readonly acceptStatus = 200
  readonly #sessions: Sessions
  #answer: Answer | undefined
  #opened: Opened | undefined
  #isAccepted = false
  readonly #deadline = new Deadline(this)

  constructor (stream: ServerHttp2Stream, sessions: Sessions) {
    super(stream)
    this.#sessions = sessions
    // The listeners of the first response serve whichever one the stream has.
    for (const name of RESPONSE_EVENTS) stream.off(name, stream.listeners(name).at(-1) as () => void)
    this.once('close', () => { this.#deadline.stop() })
  }

  get isAccepted (): boolean {
    return this.#isAccepted
  }

  /** Whether the client is still there. */
  get isConnected (): boolean {
    const { stream } = this
    return !stream.destroyed && !stream.closed
  }

  whenOver (callback: () => void): void {
    whenOver(this, this.stream, callback)
  }

  limitTime (timeout: number, expired: () => void): void {
    this.#deadline.start(timeout, expired)
  }

  cut (): void {
    cut(this.stream)
  }

  // What follows the head are frames: the versions that have more to say before them are not spoken over HTTP/2.
  async readBody (): Promise<Buffer> {
    return NOTHING
  }

  accept (answer: Answer, opened: Opened): void {
    this.#answer = answer
    this.#opened = opened
  }

  override writeHead (status: number, message?: string | OutgoingHttpHeaders, headers?: OutgoingHttpHeaders): this {
    if (this.#isAccepted || this.#deadline.isOver || !this.isConnected) return this
    const given = typeof message === 'object' ? message : headers
    for (const name of OF_A_CONNECTION) this.removeHeader(name)
    if (status === this.acceptStatus && this.#answer !== undefined) {
      this.#respond(this.#answer, given)
      return this
    }
    const head: OutgoingHttpHeaders = {}
    for (const name in given) {
      if (!OF_A_CONNECTION.includes(name.toLowerCase())) head[name] = given[name]
    }
    // To a client every status of success is an open socket (RFC 9110 §9.3.6), and what follows would be its frames.
    return super.writeHead(status >= 200 && status < 300 ? 403 : status, head)
  }

  #respond (answer: Answer, given: OutgoingHttpHeaders | undefined): void {
    const answered: Record<string, string[]> = {}
    for (let i = 0; i < answer.headers.length; i += 2) {
      (answered[(answer.headers[i] as string).toLowerCase()] ??= []).push(answer.headers[i + 1] as string)
    }
    // What hooks set on the raw response, then what they set on the reply, then what the handshake says.
    const head: OutgoingHttpHeaders = { ...this.getHeaders(), ...given, ...answered }
    for (const name in head) {
      if (head[name] === undefined || OF_A_BODY.includes(name) || OF_A_CONNECTION.includes(name)) delete head[name]
    }
    // Not by the response, which would have the stream wait for trailers when it ends.
    this.stream.respond({ ...head, ':status': this.acceptStatus })
    this.#isAccepted = true
    // Whether a response is over, Fastify sees by this.
    Object.defineProperty(this, 'writableEnded', { value: true })
  }

  // After the answer the stream is for frames.
  override write (chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    if (this.#isAccepted || this.#deadline.isOver) return false
    return super.write(chunk as string, encoding as BufferEncoding, callback as () => void)
  }

  override end (chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    if (this.#deadline.isOver) return this
    if (!this.headersSent) this.writeHead(this.statusCode)
    if (!this.#isAccepted) return super.end(chunk as string, encoding as BufferEncoding, callback as () => void)
    const opened = this.#opened
    if (opened === undefined) return this
    this.#opened = undefined
    this.#deadline.stop()
    this.#release()
    const { stream } = this
    if (this.isConnected) {
      this.#sessions.enter(stream)
      opened(stream, NOTHING)
    }
    nextTick(() => { this.emit('finish') })
    return this
  }

  /**
   * Lets go of the stream, which holds request and response as long as it lives: 2.3 KB, and what Fastify has of them.
   * Where it has them is found by what lies there, and listeners of theirs take an empty place for their end.
   */
  #release (): void {
    const { stream, req } = this
    const slots = stream as unknown as Record<symbol, unknown>
    for (const slot of Object.getOwnPropertySymbols(stream)) {
      if (slots[slot] === req || slots[slot] === this) slots[slot] = undefined
    }
    // All but these.
    stream.setTimeout(0)
    stream.removeAllListeners('timeout')
  }
}

/** What an application does with a request and its response. */
type Routing = (request: IncomingMessage, response: Http2Response) => void

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
 * With another 'connect' listener beside it, only those that `isOurs` says.
 */
export function listenForConnects (server: Http2Server, routing: Routing, isOurs: (request: IncomingMessage) => boolean): ConnectListener {
  const sessions = new Sessions()
  const onConnect = (given: Http2ServerRequest | IncomingMessage, response: Http2ServerResponse | Duplex): void => {
    const isAlone = server.listenerCount('connect') === 1
    if (!(response instanceof Http2ServerResponse)) {
      // A CONNECT of HTTP/1.1, which a server cuts where nobody listens.
      if (isAlone) response.destroy()
      return
    }
    const request = given as Http2ServerRequest & IncomingMessage
    if (!isExtendedConnect(request.headers)) {
      if (isAlone) refuseAsNode(response)
      return
    }
    const { stream } = response
    const isFree = !stream.headersSent && !stream.destroyed && !stream.closed
    if (!isFree || (!isAlone && !isOurs(request))) return
    if (server instanceof TlsServer && server.listenerCount('upgrade') > 1 && !isOurs(request)) {
      // Somebody else has sockets there, and knows them over HTTP/1.1 only: browsers come again with that.
      stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED)
      return
    }
    sessions.note(stream.session as ServerHttp2Session)
    // For the router, and for hooks, it is the request that a GET would have been over HTTP/1.1.
    Object.defineProperty(request, 'method', { value: 'GET', writable: true, configurable: true })
    routing(request, new Http2Response(stream, sessions))
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
