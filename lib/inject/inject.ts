import { randomBytes } from 'node:crypto'
import { once, type EventEmitter } from 'node:events'
import { request as httpRequest, Server as HttpServer, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { connect, constants, type ClientHttp2Stream } from 'node:http2'
import type { Readable } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import { NotInjectable, UnexpectedAnswer } from '../errors.js'
import type { Version } from '../versions.js'
import type { WireSocket } from '../socket/socket.js'
import { InjectedSocket } from './client.js'
import { Masking } from './masking.js'
import { MemorySocket } from './pair.js'
import { timers } from '../timers.js'

/** What a client says at its handshake. */
export interface InjectContext {
  /** Sent with those of the handshake, which they may replace; but for Upgrade and Connection, which make it one. */
  headers?: OutgoingHttpHeaders
  /** The subprotocols offered. */
  protocols?: string | readonly string[]
  /** Default '127.0.0.1'. */
  remoteAddress?: string
  /** Which protocol to speak. Default '13'. */
  version?: Version
  /** Over HTTP/2, by an extended CONNECT (RFC 8441): of an HTTP/2 application only. Default false, which is HTTP/1.1. */
  http2?: boolean
  /** Taken for compatibility, for its address. */
  socket?: { remoteAddress?: string | undefined }
}

export interface InjectHooks {
  /** Gets the client before the handshake. */
  onInit?: (client: WireSocket) => void
  /** Gets the client when it is open. */
  onOpen?: (client: WireSocket) => void
}

type Given<T> = { [K in keyof T]: T[K] | undefined }

/** What `injectWS()` rejects with when the server does not open a socket. */
export interface InjectError extends Error {
  readonly code: string
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The URL that was asked for. */
  readonly url: string
  /** What the answer says, as an error: its message, and its code where it has one. */
  readonly cause: Error | undefined
}

// The example of the draft (draft-ietf-hybi-thewebsocketprotocol-00 §1.2).
const KEY1 = '4 @1  46546xW%0l 1 5'
const KEY2 = '12998 5 Y3 1  .P00'
const KEY3 = '^n:ds[4U'
const PROOF_LENGTH = 16

const OWN_FIELDS: ReadonlySet<string> = new Set(['headers', 'protocols', 'remoteAddress', 'version', 'http2', 'socket'] satisfies Array<keyof InjectContext>)

/** What a context has besides is found on the request, as there: a test may say who the user is. */
export function lendContext (request: IncomingMessage): void {
  const socket: unknown = request.socket
  if (!(socket instanceof MemorySocket)) return
  for (const [name, value] of Object.entries(socket.context)) {
    if (!OWN_FIELDS.has(name) && !(name in request)) Object.assign(request, { [name]: value })
  }
}

/**
 * Opens a socket to a server over a connection in memory: Node parses its handshake as any other, so the server sees a
 * real request.
 * @throws UnexpectedAnswer, an InjectError, when the server refuses; NotInjectable
 */
export async function injectSocket (server: HttpServer, path = '/', context: InjectContext = {}, { onInit, onOpen }: InjectHooks = {}): Promise<WireSocket> {
  if (context.http2 === true) return injectOverHttp2(server, path, context, { onInit, onOpen })
  const isTls = server instanceof TlsServer
  if (!isTls && !(server instanceof HttpServer)) throw new NotInjectable()
  const { version = '13' } = context
  const lost = lostConnection(path)
  const { near, far } = createPair(context, isTls, maskingFor(version))
  const client = new InjectedSocket(near, path, version)
  onInit?.(client)
  server.emit(isTls ? 'secureConnection' : 'connection', far)
  return new Promise((resolve, reject) => {
    const request = httpRequest({ path, headers: handshakeHeaders(version, isTls, context), createConnection: () => near })
    request.on('error', reject)
    const onClose = (): void => { reject(lost) }
    near.on('close', onClose)
    request.on('response', (response) => {
      near.off('close', onClose)
      refusal(path, response).then(reject, reject)
    })
    request.on('upgrade', (response, _stream, head) => {
      client.enter(response.headers, head, version === 'hixie-76' ? PROOF_LENGTH : 0, () => {
        try {
          onOpen?.(client)
          // Who listens already hears of what is under way first, as there.
          if (client.listenerCount('message') === 0) resolve(client)
          else timers.setImmediate(resolve, client)
        } catch (error) {
          reject(error)
        }
      })
    })
    if (version === 'hixie-76') request.on('finish', () => { near.write(KEY3) })
    request.end()
  })
}

function lostConnection (url: string): Error {
  return Object.assign(new UnexpectedAnswer('none, the connection was closed'), { url })
}

type CreateTransform = () => (bytes: Buffer) => Buffer

const asItIs: CreateTransform = () => (bytes) => bytes

function maskingFor (version: Version): CreateTransform {
  if (version.startsWith('hixie')) return asItIs
  return () => {
    const masking = new Masking()
    return (bytes) => masking.apply(bytes)
  }
}

function createPair (context: InjectContext, encrypted: boolean, createTransform: CreateTransform): { near: MemorySocket, far: MemorySocket } {
  const { remoteAddress, socket } = context
  const clientAddress = remoteAddress ?? socket?.remoteAddress ?? '127.0.0.1'
  const serverAddress = clientAddress.includes(':') ? '::1' : '127.0.0.1'
  const serverPort = encrypted ? 443 : 80
  const clientPort = 49_152
  const near = new MemorySocket({ remoteAddress: serverAddress, remotePort: serverPort, localAddress: clientAddress, localPort: clientPort, encrypted, transform: createTransform() })
  const far = new MemorySocket({ remoteAddress: clientAddress, remotePort: clientPort, localAddress: serverAddress, localPort: serverPort, encrypted, transform: createTransform(), context })
  near.connect(far)
  far.connect(near)
  return { near, far }
}

function handshakeHeaders (version: Version, isTls: boolean, { headers, protocols }: InjectContext): OutgoingHttpHeaders {
  const offered = protocols === undefined ? undefined : [protocols].flat().join(version === 'hixie-76' ? ' ' : ', ')
  const [, host = 'localhost'] = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'host') ?? []
  // Versions that cannot do without an origin come from a page of the server itself.
  const origin = `${isTls ? 'https' : 'http'}://${String(host)}`
  const own: OutgoingHttpHeaders = version === 'hixie-75'
    ? { Upgrade: 'WebSocket', Connection: 'Upgrade', Host: 'localhost', Origin: origin, 'WebSocket-Protocol': offered }
    : version === 'hixie-76'
      ? { Upgrade: 'WebSocket', Connection: 'Upgrade', Host: 'localhost', Origin: origin, 'Sec-WebSocket-Key1': KEY1, 'Sec-WebSocket-Key2': KEY2, 'Sec-WebSocket-Protocol': offered }
      : { Host: 'localhost', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': randomBytes(16).toString('base64'), 'Sec-WebSocket-Version': version, 'Sec-WebSocket-Protocol': offered }
  const given = Object.entries(headers ?? {}).filter(([name, value]) => value !== undefined && !/^(upgrade|connection)$/i.test(name))
  const replaced = new Set(given.map(([name]) => name.toLowerCase()))
  const kept = Object.entries(own).filter(([name, value]) => value !== undefined && !replaced.has(name.toLowerCase()))
  return Object.fromEntries([...kept, ...given])
}

/**
 * The same over HTTP/2. The frames of HTTP/2 are those of Node at both ends; those of the socket get their mask between
 * the client and its stream.
 */
async function injectOverHttp2 (server: HttpServer, path: string, context: InjectContext, { onInit, onOpen }: Given<InjectHooks>): Promise<WireSocket> {
  if (!('updateSettings' in server) || (context.version ?? '13') !== '13') throw new NotInjectable()
  const isTls = (server as object) instanceof TlsServer
  const { near, far } = createPair(context, isTls, asItIs)
  const { near: inner, far: outer } = createPair(context, isTls, () => {
    const masking = new Masking('frames')
    return (bytes) => masking.apply(bytes)
  })
  const client = new InjectedSocket(inner, path, '13')
  onInit?.(client)
  // As TLS would have agreed on.
  Object.assign(far, { alpnProtocol: 'h2' });
  (server as EventEmitter).emit(isTls ? 'secureConnection' : 'connection', far)
  const session = connect('http://localhost', { createConnection: () => near })
  try {
    await once(session, 'remoteSettings')
    const stream = session.request(connectHeaders(path, isTls, context))
    stream.once('close', () => {
      outer.destroy()
      session.close()
    })
    inner.once('close', () => { stream.close(inner.writableFinished ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL) })
    const headers = await responseOf(stream, path)
    stream.pipe(outer).pipe(stream)
    return await new Promise<WireSocket>((resolve, reject) => {
      client.enter(headers, Buffer.alloc(0), 0, () => {
        try {
          onOpen?.(client)
          if (client.listenerCount('message') === 0) resolve(client)
          else timers.setImmediate(resolve, client)
        } catch (error) {
          reject(error)
        }
      })
    })
  } catch (error) {
    session.destroy()
    throw error
  }
}

function connectHeaders (path: string, isTls: boolean, { headers = {}, protocols }: InjectContext): OutgoingHttpHeaders {
  const given: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase()
    if (value !== undefined && !/^(?:upgrade|connection|host)$/.test(key)) given[key] = value
    if (key === 'host') given[':authority'] = value
  }
  const own: OutgoingHttpHeaders = {
    ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': isTls ? 'https' : 'http', ':authority': 'localhost', ':path': path, 'sec-websocket-version': '13'
  }
  if (protocols !== undefined) own['sec-websocket-protocol'] = [protocols].flat().join(', ')
  return { ...own, ...given }
}

/** The headers of a 200; anything else is a refusal. */
function responseOf (stream: ClientHttp2Stream, url: string): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject)
    stream.once('close', () => { reject(lostConnection(url)) })
    stream.once('response', (headers) => {
      const statusCode = headers[':status'] as number
      if (statusCode === 200) resolve(headers)
      else refusal(url, Object.assign(stream, { statusCode, headers })).then(reject, reject)
    })
  })
}

async function refusal (url: string, response: Readable & { statusCode?: number | undefined, headers: IncomingHttpHeaders }): Promise<InjectError> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode, headers } = response
  const body = Buffer.concat(chunks).toString()
  // The name and the message that @fastify/websocket's rejection has, which tests compare as a whole.
  return Object.assign(new UnexpectedAnswer(String(statusCode)), { name: 'Error', statusCode, headers, body, url, cause: causeOf(body) }) as unknown as InjectError
}

function causeOf (body: string): Error | undefined {
  try {
    const { message, code } = JSON.parse(body) as { message?: unknown, code?: unknown }
    if (typeof message !== 'string') return undefined
    return Object.assign(new Error(message), typeof code === 'string' ? { code } : {})
  } catch {
    return undefined
  }
}
