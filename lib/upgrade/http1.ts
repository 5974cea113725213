import { ServerResponse, type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Duplex } from 'node:stream'
import { HandshakeTimeout } from '../errors.js'
import { isWebSocketUpgrade, type Answer, type Handshake } from '../handshake/handshake.js'
import { Deadline } from './deadline.js'
import { whenOver, type Opened, type UpgradeResponse } from './response.js'
import { timers } from '../timers.js'

// How long a peer that was refused may take to read the answer, in milliseconds, where nothing else is said.
const LINGER = 5_000

// A 101 has no body to describe.
const OF_A_BODY: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'content-type'])

/** The response of an upgrade over HTTP/1.1. After an answer that is no 101 the connection ends. */
export class Http1Response extends ServerResponse implements UpgradeResponse {
  handshake: Handshake | undefined
  readonly acceptStatus = 101
  readonly #stream: Duplex
  #head: Buffer
  #answer: Answer | undefined
  #opened: Opened | undefined
  readonly #deadline = new Deadline(this)
  readonly #linger: number

  constructor (request: IncomingMessage, stream: Duplex, head: Buffer, linger: number) {
    super(request)
    this.#linger = linger
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

  readonly #onClose = (): void => { this.#deadline.stop() }

  readonly #onFinish = (): void => {
    const stream = this.#stream
    if (this.statusCode === 101) return
    this.#release()
    // What the peer still sends is read and dropped: unread bytes would turn the end into a reset, and the answer be lost.
    stream.end()
    stream.resume()
    const timer = timers.setTimeout(() => { stream.destroy() }, this.#linger)
    stream.once('end', () => { stream.destroy() })
    stream.once('close', () => { timers.clearTimeout(timer) })
  }

  #release (): void {
    this.#deadline.stop()
    this.#stream.off('close', this.#onClose)
    this.#stream.off('drain', this.#onDrain)
    this.detachSocket(this.#stream as IncomingMessage['socket'])
  }

  /** Whether the client is still there. */
  get isConnected (): boolean {
    return !this.#stream.destroyed
  }

  get isAccepted (): boolean {
    return this.statusCode === 101
  }

  whenOver (callback: () => void): void {
    whenOver(this, this.#stream, callback)
  }

  limitTime (timeout: number, expired: () => void): void {
    this.#deadline.start(timeout, expired)
  }

  cut (): void {
    this.#stream.destroy()
  }

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

  override writeHead (status: number, reason?: string | OutgoingHttpHeaders | OutgoingHttpHeader[], headers?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this {
    if (this.#deadline.isOver) return this
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
    if (this.#deadline.isOver) return this
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
type Routing = (request: IncomingMessage, response: Http1Response) => void

/**
 * Answers the upgrades of a server. With another 'upgrade' listener beside it, only those that `isOurs` says.
 * @param patience how long a peer may take to end a connection that is over, in milliseconds: so long it holds up the server
 * @returns a function that stops listening
 */
export function listenForUpgrades (server: Server, routing: Routing, isOurs: (request: IncomingMessage) => boolean, patience = LINGER): () => void {
  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    // Node has let go of the connection: a reset at any moment must not end the process, whoever answers.
    stream.on('error', ignore)
    inTurn(request, stream, () => { answer(request, stream, head) })
  }
  const answer = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const isAlone = server.listenerCount('upgrade') === 1
    if (isWebSocketUpgrade(request.headers)) {
      if (isTaken(stream) || (!isAlone && !isOurs(request))) return
      // The bounds of a request are not those of a conversation. `server.emit('connection', stream)` takes any Duplex.
      const socket = stream as Partial<Socket>
      socket.setTimeout?.(0)
      socket.setNoDelay?.(true)
      routing(request, new Http1Response(request, stream, head, Math.min(LINGER, patience)))
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
