import { ServerResponse, type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Duplex } from 'node:stream'
import { RETRY_AFTER } from '../connection-limits.js'
import { HandshakeTimeout, HandshakeUnanswered } from '../errors.js'
import { isWebSocketUpgrade, type Answer, type Handshake } from '../handshake/handshake.js'

// How long a peer that was refused may take to read the answer, in milliseconds.
const REFUSAL_LINGER = 5_000

// A 101 has no body to describe.
const OF_A_BODY: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'content-type'])

/** Takes the stream over after the 101, with the bytes that came behind the head. */
export type Opened = (stream: Duplex, head: Buffer) => void

/**
 * The response of an upgrade. Fastify fills it like any other: with a 101 it becomes the answer of the handshake and
 * hands the stream over, with any other status it is an ordinary answer, after which the connection ends.
 */
export class UpgradeResponse extends ServerResponse {
  /** What was read of the request before its hooks ran. */
  handshake: Handshake | undefined
  readonly #stream: Duplex
  #head: Buffer
  #answer: Answer | undefined
  #opened: Opened | undefined
  #timeout = 0
  #deadline: NodeJS.Timeout | undefined
  /** Gives up the wait for a body. */
  #giveUp: (() => void) | undefined
  #isExpired = false

  constructor (request: IncomingMessage, stream: Duplex, head: Buffer) {
    super(request)
    this.#stream = stream
    this.#head = head
    this.shouldKeepAlive = false
    // A duplex does where a net.Socket is expected: the response only writes to it.
    this.assignSocket(stream as IncomingMessage['socket'])
    // The server that would do this has let go of the connection.
    stream.on('drain', this.#onDrain)
    stream.on('close', this.#onClose)
    this.on('finish', this.#onFinish)
  }

  readonly #onDrain = (): void => { this.emit('drain') }

  readonly #onClose = (): void => { clearTimeout(this.#deadline) }

  readonly #onFinish = (): void => {
    const stream = this.#stream
    if (this.statusCode === 101) return
    this.#release()
    // What the peer still sends is read and dropped: unread bytes would turn the end into a reset, and the answer be lost.
    stream.end()
    stream.resume()
    const timer = setTimeout(() => { stream.destroy() }, REFUSAL_LINGER)
    stream.once('end', () => { stream.destroy() })
    stream.once('close', () => { clearTimeout(timer) })
  }

  #release (): void {
    clearTimeout(this.#deadline)
    this.#stream.off('close', this.#onClose)
    this.#stream.off('drain', this.#onDrain)
    this.detachSocket(this.#stream as IncomingMessage['socket'])
  }

  /** Whether the client is still there. */
  get isConnected (): boolean {
    return !this.#stream.destroyed
  }

  /** Calls back once: when a refusal has been answered, or when the connection is gone, whether a socket was opened on it or not. */
  whenOver (callback: () => void): void {
    const tell = atMostOnce(callback)
    this.on('finish', () => { if (this.statusCode !== 101) tell() })
    if (this.#stream.closed) tell()
    else this.#stream.once('close', tell)
  }

  /**
   * Bounds how long the answer may take, a refusal included. When the client is late it gets 408 in the way of other
   * errors. When those who have to answer are late it gets 503, past whatever they wait for; what they answer afterwards
   * is dropped.
   * @param timeout in milliseconds
   * @param expired called with the 503
   */
  limitTime (timeout: number, expired: () => void): void {
    this.#timeout = timeout
    this.#deadline = setTimeout(() => { this.#expire(expired) }, timeout)
  }

  #expire (expired: () => void): void {
    const giveUp = this.#giveUp
    if (this.headersSent) {
      // The client does not take the answer, or it does not end.
      this.#stream.destroy()
    } else if (giveUp !== undefined) {
      this.#deadline = setTimeout(() => { this.#expire(expired) }, this.#timeout)
      giveUp()
    } else {
      expired()
      this.#answerExpired(new HandshakeUnanswered(this.#timeout))
    }
  }

  #answerExpired ({ code, message }: Error & { code: string }): void {
    for (const name of this.getHeaderNames()) this.removeHeader(name)
    this.#opened = undefined
    const body = JSON.stringify({ statusCode: 503, code, error: 'Service Unavailable', message })
    this.writeHead(503, { 'retry-after': RETRY_AFTER, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) })
    this.end(body)
    this.#isExpired = true
  }

  /**
   * The bytes that follow the head of the request, however they are cut.
   * @throws HandshakeTimeout when the client ends before, or when the time is over
   */
  async readBody (length: number): Promise<Buffer> {
    if (this.#head.length < length) await this.#collect(length)
    const body = this.#head.subarray(0, length)
    this.#head = this.#head.subarray(length)
    return body
  }

  #collect (length: number): Promise<void> {
    const stream = this.#stream
    return new Promise((resolve, reject) => {
      const onData = (bytes: Buffer): void => {
        this.#head = Buffer.concat([this.#head, bytes])
        if (this.#head.length >= length) settle(resolve)
      }
      const onEnd = (): void => { settle(() => { reject(new HandshakeTimeout(this.#timeout)) }) }
      const settle = (finish: () => void): void => {
        this.#giveUp = undefined
        stream.off('data', onData)
        stream.off('end', onEnd)
        stream.off('close', onEnd)
        stream.pause()
        finish()
      }
      this.#giveUp = onEnd
      stream.on('data', onData)
      stream.on('end', onEnd)
      stream.on('close', onEnd)
      stream.resume()
    })
  }

  /** Makes a 101, when one is sent, the answer of this handshake. */
  accept (answer: Answer, opened: Opened): void {
    this.#answer = answer
    this.#opened = opened
  }

  override writeHead (status: number, reason?: string | OutgoingHttpHeaders | OutgoingHttpHeader[], headers?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this {
    if (this.#isExpired) return this
    const given = typeof reason === 'object' ? reason : headers
    if (status !== 101 || this.#answer === undefined) {
      return typeof reason === 'string' ? super.writeHead(status, reason, given) : super.writeHead(status, given)
    }
    // Clients of the drafts compare the first lines byte by byte: the answer comes first, as it is.
    const answer = this.#answer.headers
    const names = new Set<string>()
    for (let i = 0; i < answer.length; i += 2) names.add((answer[i] as string).toLowerCase())
    const lines: OutgoingHttpHeader[] = [...answer]
    const add = (name: string, value: OutgoingHttpHeader | undefined): void => {
      const key = name.toLowerCase()
      if (value !== undefined && !names.has(key) && !OF_A_BODY.has(key)) lines.push(name, value)
    }
    // What hooks set on the raw response, then what they set on the reply.
    for (const name of this.getHeaderNames()) {
      add(name, this.getHeader(name))
      this.removeHeader(name)
    }
    if (given !== undefined && !Array.isArray(given)) for (const name in given) add(name, given[name])
    this.sendDate = false
    return super.writeHead(101, this.#answer.reason, lines)
  }

  override end (chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    const answer = this.#answer
    const opened = this.#opened
    if (this.#isExpired) return this
    if (answer === undefined || opened === undefined || this.statusCode !== 101) {
      return super.end(chunk, encoding as BufferEncoding, callback as () => void)
    }
    this.#opened = undefined
    const stream = this.#stream
    // Head and body of the answer in one packet, since some clients of the drafts read both at once.
    stream.cork()
    super.end()
    if (answer.body !== undefined) stream.write(answer.body)
    stream.uncork()
    this.#release()
    if (!stream.destroyed) {
      opened(stream, this.#head)
      // Who has the stream now listens to its errors.
      stream.off('error', ignore)
    }
    return this
  }
}

/** What an application does with a request and its response. */
type Routing = (request: IncomingMessage, response: UpgradeResponse) => void

/**
 * Answers the upgrades of a server. With another 'upgrade' listener beside it, only those that `isOurs` says.
 * @returns a function that stops listening
 */
export function listenForUpgrades (server: Server, routing: Routing, isOurs: (request: IncomingMessage) => boolean): () => void {
  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const isAlone = server.listenerCount('upgrade') === 1
    if (isWebSocketUpgrade(request.headers)) {
      if (isTaken(stream) || (!isAlone && !isOurs(request))) return
      // A reset at any moment must not end the process; 'close' tells those who wait.
      stream.on('error', ignore)
      // The bounds of a request are not those of a conversation.
      const socket = stream as Socket
      socket.setTimeout(0)
      socket.setNoDelay(true)
      routing(request, new UpgradeResponse(request, stream, head))
    } else if (isAlone) {
      handBack(server, request, stream, head)
    }
  }
  server.on('upgrade', onUpgrade)
  const restore = letOthersPass(server)
  return () => {
    server.off('upgrade', onUpgrade)
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

// Out here, so that what a stream keeps does not keep the response.
function atMostOnce (callback: () => void): () => void {
  let isCalled = false
  return () => {
    if (isCalled) return
    isCalled = true
    callback()
  }
}

/** Whether a listener before us has answered: a stream takes one response at a time. */
function isTaken (stream: Duplex & { _httpMessage?: unknown }): boolean {
  return stream.destroyed || stream._httpMessage != null
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
  stream.unshift(Buffer.concat([Buffer.from(text + '\r\n', 'latin1'), head]))
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', stream)
}
