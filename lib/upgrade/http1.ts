import {
  ServerResponse, validateHeaderName, validateHeaderValue, type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders,
  type Server
} from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Duplex } from 'node:stream'
import { HandshakeTimeout } from '../errors.js'
import { isWebSocketUpgrade, type Answer, type Handshake } from '../handshake/handshake.js'
import { abortRequest } from './abort.js'
import { Connections } from './connections.js'
import { Deadline } from './deadline.js'
import { takePrecedence } from './precedence.js'
import {
  carry, whenOver, type GivenHeaders, type Opened, type RefusalHeaders, type Upgrade, type UpgradeFailed
} from './response.js'
import { answerFailure } from './unavailable.js'

// A 101 has no body to describe, and no trailers.
const OF_A_BODY: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'content-type', 'trailer'])

/** What an upgrade needs of the server that it came to. */
export interface UpgradeContext {
  readonly connections: Connections
  readonly failed: UpgradeFailed
}

/**
 * An upgrade over HTTP/1.1. A 101 is written here and not by Node's response, so that its head and the body that some
 * drafts have leave in one write, and whatever a runtime or a hook takes for a part of an answer with a body stays out of
 * it. After an answer that is no 101 the connection ends.
 */
export class Http1Upgrade implements Upgrade {
  readonly response: ServerResponse
  handshake: Handshake | undefined
  readonly acceptStatus = 101
  readonly #request: IncomingMessage
  readonly #stream: Duplex
  readonly #context: UpgradeContext
  /** What came behind the head of the request. */
  #early: Buffer
  #answer: Answer | undefined
  #opened: Opened | undefined
  /** The head of the 101, as Latin-1, once it is known. */
  #acceptance: string | undefined
  #hasBegun = false
  #tellsDrain = false
  readonly #deadline = new Deadline(this)

  constructor (request: IncomingMessage, stream: Duplex, early: Buffer, context: UpgradeContext) {
    const response = new ServerResponse(request)
    this.response = response
    this.#request = request
    this.#context = context
    this.#stream = stream
    this.#early = early
    carry(response, this)
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
    // A duplex does where a net.Socket is expected: the response only writes to it.
    response.assignSocket(stream as Socket)
    response.on('finish', this.#onFinish)
  }

  /**
   * Listens to the stream from now on. Its events come in later ticks: an upgrade that is accepted at once, as most are,
   * is spared the listeners.
   */
  watch (): void {
    if (this.isAccepted && this.#opened === undefined) return
    this.#stream.on('end', this.#onGone)
    this.#stream.on('close', this.#onGone)
  }

  readonly #onDrain = (): void => { this.response.emit('drain') }

  // A client that ends its side is told from one that has left when it is written to; Node takes it for one that has.
  readonly #onGone = (): void => {
    if (this.#stream.destroyed) this.#deadline.stop()
    try {
      abortRequest(this.#request)
    } catch (error) {
      this.#context.failed(error)
    }
  }

  readonly #onFinish = (): void => {
    if (this.isAccepted) return
    this.#release()
    this.#context.connections.end(this.#stream)
  }

  #release (): void {
    const stream = this.#stream
    this.#deadline.stop()
    stream.off('end', this.#onGone)
    stream.off('close', this.#onGone)
    if (this.#tellsDrain) stream.off('drain', this.#onDrain)
    // Another response may have taken the place of this one.
    const socket = stream as Socket & { _httpMessage?: unknown }
    if (socket._httpMessage === this.response) ServerResponse.prototype.detachSocket.call(this.response, socket)
  }

  /** Whether the client is still there. */
  get isConnected (): boolean {
    return !this.#stream.destroyed
  }

  get hasBegun (): boolean {
    return this.#hasBegun
  }

  get isAccepted (): boolean {
    return this.#acceptance !== undefined
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
      this.#stream.destroy()
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    // A hook may have said what the status of its own answer means.
    response.statusMessage = ''
    response.writeHead(status, headers)
    response.end(body)
  }

  async readBody (length: number): Promise<Buffer> {
    if (this.#early.length < length) await this.#collect(length)
    const body = this.#early.subarray(0, length)
    this.#early = this.#early.subarray(length)
    return body
  }

  #collect (length: number): Promise<void> {
    const stream = this.#stream
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

  // Looked up at each call: tracing packages replace it on the prototype, and Express the prototype itself.
  get #prototype (): ServerResponse {
    return Object.getPrototypeOf(this.response) as ServerResponse
  }

  #writeHead (status: number, reason: string | GivenHeaders | undefined, headers: GivenHeaders | undefined): void {
    if (this.#deadline.isOver || this.isAccepted) return
    const given = typeof reason === 'object' ? reason : headers
    // Behind the head of a refusal, Node throws for a 101 as for any second head.
    if (this.#isAcceptedBy(status)) this.#writeAcceptance(this.#answer as Answer, given)
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
      // Node would find out when it has forgotten what the answer had to be.
      if (given != null && !Array.isArray(given)) for (const name in given) validateHeader(name, given[name])
      Reflect.apply(this.#prototype.writeHead, response, reason === undefined ? [status, given] : [status, reason, given])
    } catch (error) {
      // It is answered once more, with another status.
      response.statusCode = statusCode
      response.statusMessage = statusMessage
      throw error
    }
  }

  #writeAcceptance ({ reason, headers }: Answer, given: GivenHeaders | undefined): void {
    const { response } = this
    const acceptance = writeAcceptance(response, reason, headers, given)
    this.#acceptance = acceptance
    response.statusCode = 101
    response.statusMessage = reason
    // What `headersSent` of Node looks at.
    ;(response as WrittenResponse)._header = acceptance
    // Whatever its prototype has, or a package has defined.
    if (!response.headersSent) Object.defineProperty(response, 'headersSent', YES)
  }

  #flushHeaders (): void {
    if (this.isAccepted) return
    if (this.#isAcceptedBy(this.response.statusCode)) this.response.writeHead(101)
    else this.#prototype.flushHeaders.call(this.response)
  }

  // A 101 has no body.
  #write (args: unknown[]): boolean {
    if (this.#deadline.isOver || this.isAccepted) return false
    this.#tellDrain()
    return Reflect.apply(this.#prototype.write, this.response, args) as boolean
  }

  // Whoever writes piece by piece waits for it. The server that would tell it has let go of the connection.
  #tellDrain (): void {
    if (this.#tellsDrain) return
    this.#tellsDrain = true
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
    // Head and body of the answer in one packet, since some clients of the drafts read both at once.
    stream.write(this.#acceptance + body, 'latin1', (error) => { if (error == null) response.emit('finish') })
    // What `writableEnded` of Node looks at.
    response.finished = true
    if (!response.writableEnded) Object.defineProperty(response, 'writableEnded', YES)
    this.#release()
    if (!stream.destroyed) this.#open(opened)
  }

  #open (opened: Opened): void {
    const stream = this.#stream
    this.#context.connections.forget(stream)
    try {
      opened(stream, this.#early)
      // Whoever has the stream now listens to its errors.
      stream.off('error', ignore)
    } catch (error) {
      answerFailure(this, error, this.#context.failed, () => { stream.destroy() })
    }
  }
}

const YES: PropertyDescriptor = { value: true, writable: true, configurable: true }

/** A response, with what Node keeps of it and types do not know. */
interface WrittenResponse extends ServerResponse {
  _header?: string | null
}

/**
 * The head of a 101: the answer as it is, since clients of the drafts compare its first lines byte by byte, then what hooks
 * set on the raw response, then what they set on the reply, which goes before it.
 */
function writeAcceptance (
  response: ServerResponse, reason: string, headers: readonly string[], given: GivenHeaders | undefined
): string {
  let head = `HTTP/1.1 101 ${reason}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += writeHeader(headers[i] as string, headers[i + 1] as string)
  const names = response.getHeaderNames()
  const onReply = given != null && !Array.isArray(given) ? Object.keys(given) : []
  if (names.length > 0 || onReply.length > 0) {
    const taken = new Set(OF_A_BODY)
    for (let i = 0; i < headers.length; i += 2) taken.add((headers[i] as string).toLowerCase())
    const replaced = new Set(onReply.map((name) => name.toLowerCase()))
    for (const name of names) {
      if (!replaced.has(name) && !taken.has(name)) head += writeHeader(name, response.getHeader(name) as OutgoingHttpHeader)
    }
    for (const name of onReply) {
      const value = (given as OutgoingHttpHeaders)[name]
      if (value !== undefined && !taken.has(name.toLowerCase())) head += writeHeader(name, value)
    }
  }
  return head + '\r\n'
}

function writeHeader (name: string, value: OutgoingHttpHeader): string {
  validateHeader(name, value)
  if (!Array.isArray(value)) return `${name}: ${value}\r\n`
  return value.map((one) => `${name}: ${one}\r\n`).join('')
}

function validateHeader (name: string, value: OutgoingHttpHeader | undefined): void {
  validateHeaderName(name)
  if (!Array.isArray(value)) validateHeaderValue(name, value as string)
  else for (const one of value) validateHeaderValue(name, one)
}

/** What an application does with an upgrade. */
type Routing = (request: IncomingMessage, upgrade: Http1Upgrade) => void

/**
 * Answers the upgrades of a server. With another 'upgrade' listener beside it, only those that `isOurs` says. What is
 * thrown meanwhile is answered with 500, and reported to `failed`.
 * @param connections those of the server, which closes when they are gone
 * @returns a function that stops listening
 */
export function listenForUpgrades (
  server: Server, routing: Routing, isOurs: (request: IncomingMessage) => boolean, failed: UpgradeFailed = ignore, connections = new Connections()
): () => void {
  const context: UpgradeContext = { connections, failed }
  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    // Node has let go of the connection: a reset at any moment must not end the process, whoever answers.
    stream.on('error', ignore)
    inTurn(request, stream, () => { answer(request, stream, head) })
  }
  const answer = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    let upgrade: Http1Upgrade | undefined
    try {
      const isAlone = server.listenerCount('upgrade') === 1
      if (isWebSocketUpgrade(request.headers)) {
        if (isTaken(stream) || (!isAlone && !isOurs(request))) {
          connections.forget(stream)
          return
        }
        // The bounds of a request are not those of a conversation. A duplex that somebody hands to the server has none.
        const socket = stream as Duplex & Partial<Pick<Socket, 'setTimeout' | 'setNoDelay'>>
        socket.setTimeout?.(0)
        socket.setNoDelay?.(true)
        precedence.take(request)
        upgrade = new Http1Upgrade(request, stream, head, context)
        try {
          routing(request, upgrade)
        } finally {
          upgrade.watch()
        }
      } else if (isAlone) {
        handBack(server, request, stream, head)
      } else {
        connections.forget(stream)
      }
    } catch (error) {
      answerFailure(upgrade, error, failed, () => { stream.destroy() })
    }
  }
  server.on('upgrade', onUpgrade)
  const precedence = takePrecedence(server)
  const restore = letOthersPass(server)
  return () => {
    server.off('upgrade', onUpgrade)
    precedence.stop()
    restore()
  }
}

/** A server of Node 22.21, 24.9 or later. */
interface AskingServer {
  shouldUpgradeCallback? (request: IncomingMessage): boolean
}

/**
 * Where a server asks which requests are upgrades, it is told: with nobody else there, what is not for a WebSocket is
 * an ordinary request (RFC 9110 §7.8). Other servers hand such a request over, and it is handed back.
 */
function letOthersPass (server: Server & AskingServer): () => void {
  const before = server.shouldUpgradeCallback
  if (before === undefined) return ignore
  server.shouldUpgradeCallback = (request) => isWebSocketUpgrade(request.headers) || (server.listenerCount('upgrade') > 1 && before.call(server, request))
  return () => { server.shouldUpgradeCallback = before }
}

function ignore (): void {}

interface AnsweredStream extends Duplex {
  /** The response that a stream has now: it takes one at a time. */
  _httpMessage?: ServerResponse | null
}

/** Whether a listener before us has answered. */
function isTaken (stream: AnsweredStream): boolean {
  return stream.destroyed || stream._httpMessage != null
}

/** An upgrade may come in one piece with the requests before it (RFC 9112 §9.3.2): they are answered first. */
function inTurn (request: IncomingMessage, stream: AnsweredStream, answer: () => void): void {
  const earlier = stream._httpMessage
  if (earlier == null || earlier.req === request) {
    answer()
    return
  }
  // The server that would do this has let go of the connection.
  const onDrain = (): void => { earlier.emit('drain') }
  stream.on('drain', onDrain)
  earlier.once('finish', () => {
    stream.off('drain', onDrain)
    if (stream.writable) inTurn(request, stream, answer)
  })
}

/**
 * An upgrade to something that nobody here speaks (h2c, say) is an ordinary request (RFC 9110 §7.8): the server reads
 * it once more, without the header that made it an upgrade.
 */
function handBack (server: Server, request: IncomingMessage, stream: Duplex, head: Buffer): void {
  let text = `${request.method as string} ${request.url as string} HTTP/${request.httpVersion}\r\n`
  const lines = request.rawHeaders
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string
    if (name.toLowerCase() !== 'upgrade') text += `${name}: ${lines[i + 1] as string}\r\n`
  }
  stream.off('error', ignore)
  stream.unshift(Buffer.concat([Buffer.from(text + '\r\n', 'latin1'), head]))
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', stream)
}
