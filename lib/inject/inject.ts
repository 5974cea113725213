import { randomBytes } from 'node:crypto'
import { once, type EventEmitter } from 'node:events'
import {
  request as httpRequest, Server as HttpServer, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders
} from 'node:http'
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

/** The client and its handshake. Further properties are assigned to the raw request. */
export interface InjectContext {
  /** Added to the headers of the handshake, or replacing them. Upgrade and Connection are ignored. */
  headers?: OutgoingHttpHeaders
  /** The offered subprotocols. */
  protocols?: string | readonly string[]
  /** The address of the client. Default '127.0.0.1'. */
  remoteAddress?: string
  /** The protocol version. Default '13'. */
  version?: Version
  /**
   * Whether to use an extended CONNECT over HTTP/2 (RFC 8441); needs an HTTP/2 application. Default false: HTTP/1.1.
   */
  http2?: boolean
  /** For compatibility: only its `remoteAddress` is used. */
  socket?: { remoteAddress?: string | undefined }
}

export interface InjectHooks {
  /** Called with the client before the handshake. */
  onInit?: (client: WireSocket) => void
  /** Called with the client when it is open. */
  onOpen?: (client: WireSocket) => void
}

type OrUndefined<T> = { [K in keyof T]: T[K] | undefined }

/** The error with which `injectWS()` rejects if the server refuses the handshake. */
export interface InjectError extends Error {
  readonly code: string
  /** The status of the answer. */
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The requested URL. */
  readonly url: string
  /** An error with the message, and the code if there is one, of a JSON body. */
  readonly cause: Error | undefined
}

// The example of draft-ietf-hybi-thewebsocketprotocol-00 §1.2.
const KEY1 = '4 @1  46546xW%0l 1 5'
const KEY2 = '12998 5 Y3 1  .P00'
const KEY3 = '^n:ds[4U'
const PROOF_LENGTH = 16

const OWN_FIELDS: ReadonlySet<string> = new Set([
  'headers', 'protocols', 'remoteAddress', 'version', 'http2', 'socket'
] satisfies Array<keyof InjectContext>)

/**
 * Assigns further properties of an InjectContext to the raw request, as @fastify/websocket does. A test can set a user
 * that way.
 */
export function applyContext (request: IncomingMessage): void {
  const socket: unknown = request.socket
  if (!(socket instanceof MemorySocket)) return
  for (const [name, value] of Object.entries(socket.context)) {
    if (!OWN_FIELDS.has(name) && !(name in request)) Object.assign(request, { [name]: value })
  }
}

/**
 * Opens a socket to a server over an in-memory connection. Node parses the handshake, so the server sees a real
 * request.
 * @throws UnexpectedAnswer (an InjectError) if the server refuses, NotInjectable
 */
export async function injectSocket (
  server: HttpServer, path = '/', context: InjectContext = {}, { onInit, onOpen }: InjectHooks = {}
): Promise<WireSocket> {
  if (context.http2 === true) return injectOverHttp2(server, path, context, { onInit, onOpen })
  const isTls = server instanceof TlsServer
  if (!isTls && !(server instanceof HttpServer)) throw new NotInjectable()
  const { version = '13' } = context
  const lost = lostConnection(path)
  const { clientEnd, serverEnd } = createPair(context, isTls, maskingFor(version))
  const client = new InjectedSocket(clientEnd, path, version)
  onInit?.(client)
  server.emit(isTls ? 'secureConnection' : 'connection', serverEnd)
  return new Promise((resolve, reject) => {
    const headers = handshakeHeaders(version, isTls, context)
    const request = httpRequest({ path, headers, createConnection: () => clientEnd })
    request.on('error', reject)
    const onClose = (): void => { reject(lost) }
    clientEnd.on('close', onClose)
    request.on('response', (response) => {
      clientEnd.off('close', onClose)
      refusal(path, response).then(reject, reject)
    })
    request.on('upgrade', (response, _stream, head) => {
      client.accept(response.headers, head, version === 'hixie-76' ? PROOF_LENGTH : 0, () => {
        finish(client, onOpen, resolve, reject)
      })
    })
    if (version === 'hixie-76') request.on('finish', () => { clientEnd.write(KEY3) })
    request.end()
  })
}

/** Calls `onOpen` and settles the promise of `injectWS()`. */
function finish (
  client: InjectedSocket, onOpen: InjectHooks['onOpen'] | undefined, resolve: (client: WireSocket) => void,
  reject: (error: unknown) => void
): void {
  try {
    onOpen?.(client)
    // As in @fastify/websocket, existing listeners receive pending messages before the promise resolves.
    if (client.listenerCount('message') === 0) resolve(client)
    else timers.setImmediate(resolve, client)
  } catch (error) {
    reject(error)
  }
}

function lostConnection (url: string): Error {
  return Object.assign(new UnexpectedAnswer('none, the connection was closed'), { url })
}

type CreateTransform = () => (bytes: Buffer) => Buffer

const createIdentity: CreateTransform = () => (bytes) => bytes

function maskingFor (version: Version): CreateTransform {
  if (version.startsWith('hixie')) return createIdentity
  return () => {
    const masking = new Masking()
    return (bytes) => masking.apply(bytes)
  }
}

interface Pair {
  readonly clientEnd: MemorySocket
  readonly serverEnd: MemorySocket
}

function createPair (context: InjectContext, encrypted: boolean, createTransform: CreateTransform): Pair {
  const { remoteAddress, socket } = context
  const clientAddress = remoteAddress ?? socket?.remoteAddress ?? '127.0.0.1'
  const serverAddress = clientAddress.includes(':') ? '::1' : '127.0.0.1'
  const serverPort = encrypted ? 443 : 80
  const clientPort = 49_152
  const clientEnd = new MemorySocket({
    remoteAddress: serverAddress,
    remotePort: serverPort,
    localAddress: clientAddress,
    localPort: clientPort,
    encrypted,
    transform: createTransform()
  })
  const serverEnd = new MemorySocket({
    remoteAddress: clientAddress,
    remotePort: clientPort,
    localAddress: serverAddress,
    localPort: serverPort,
    encrypted,
    transform: createTransform(),
    context
  })
  clientEnd.connect(serverEnd)
  serverEnd.connect(clientEnd)
  return { clientEnd, serverEnd }
}

function handshakeHeaders (
  version: Version, isTls: boolean, { headers, protocols }: InjectContext
): OutgoingHttpHeaders {
  const offered = protocols === undefined ? undefined : [protocols].flat().join(version === 'hixie-76' ? ' ' : ', ')
  const [, host = 'localhost'] = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'host') ?? []
  // The hixie drafts require an origin. Use that of the server.
  const origin = `${isTls ? 'https' : 'http'}://${String(host)}`
  const hixie = { Upgrade: 'WebSocket', Connection: 'Upgrade', Host: 'localhost', Origin: origin }
  const own: OutgoingHttpHeaders = version === 'hixie-75'
    ? { ...hixie, 'WebSocket-Protocol': offered }
    : version === 'hixie-76'
      ? { ...hixie, 'Sec-WebSocket-Key1': KEY1, 'Sec-WebSocket-Key2': KEY2, 'Sec-WebSocket-Protocol': offered }
      : {
          Host: 'localhost',
          Upgrade: 'websocket',
          Connection: 'Upgrade',
          'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
          'Sec-WebSocket-Version': version,
          'Sec-WebSocket-Protocol': offered
        }
  const given = Object.entries(headers ?? {}).filter(([name, value]) => {
    return value !== undefined && !/^(upgrade|connection)$/i.test(name)
  })
  const replaced = new Set(given.map(([name]) => name.toLowerCase()))
  const kept = Object.entries(own).filter(([name, value]) => value !== undefined && !replaced.has(name.toLowerCase()))
  return Object.fromEntries([...kept, ...given])
}

/**
 * Does the same over HTTP/2, with Node's HTTP/2 client. A second pair, between the client and its stream, masks frames.
 */
async function injectOverHttp2 (
  server: HttpServer, path: string, context: InjectContext, { onInit, onOpen }: OrUndefined<InjectHooks>
): Promise<WireSocket> {
  if (!('updateSettings' in server) || (context.version ?? '13') !== '13') throw new NotInjectable()
  const isTls = (server as object) instanceof TlsServer
  const { clientEnd, serverEnd } = createPair(context, isTls, createIdentity)
  const { clientEnd: socketEnd, serverEnd: streamEnd } = createPair(context, isTls, () => {
    const masking = new Masking('frames')
    return (bytes) => masking.apply(bytes)
  })
  const client = new InjectedSocket(socketEnd, path, '13')
  onInit?.(client)
  // The result of a TLS handshake.
  Object.assign(serverEnd, { alpnProtocol: 'h2' });
  (server as EventEmitter).emit(isTls ? 'secureConnection' : 'connection', serverEnd)
  const session = connect('http://localhost', { createConnection: () => clientEnd })
  try {
    await once(session, 'remoteSettings')
    const stream = session.request(connectHeaders(path, isTls, context))
    stream.once('close', () => {
      streamEnd.destroy()
      session.close()
    })
    // A client that has ended its side ends the stream through the pipe. Closing that stream as well would have Node.js
    // forget it before its end is sent, and its session then fills memory with empty frames (24 and later).
    socketEnd.once('close', () => { if (!socketEnd.writableFinished) stream.close(constants.NGHTTP2_CANCEL) })
    const headers = await responseOf(stream, path)
    stream.pipe(streamEnd).pipe(stream)
    return await new Promise<WireSocket>((resolve, reject) => {
      client.accept(headers, Buffer.alloc(0), 0, () => { finish(client, onOpen, resolve, reject) })
    })
  } catch (error) {
    session.destroy()
    throw error
  }
}

function connectHeaders (
  path: string, isTls: boolean, { headers = {}, protocols }: InjectContext
): OutgoingHttpHeaders {
  const given: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase()
    if (value !== undefined && !/^(?:upgrade|connection|host)$/.test(key)) given[key] = value
    if (key === 'host') given[':authority'] = value
  }
  const own: OutgoingHttpHeaders = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': isTls ? 'https' : 'http',
    ':authority': 'localhost',
    ':path': path,
    'sec-websocket-version': '13'
  }
  if (protocols !== undefined) own['sec-websocket-protocol'] = [protocols].flat().join(', ')
  return { ...own, ...given }
}

/** Resolves with the headers of a 200, and rejects with an InjectError for any other status. */
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

type Response = Readable & { statusCode?: number | undefined, headers: IncomingHttpHeaders }

async function refusal (url: string, response: Response): Promise<InjectError> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode, headers } = response
  const body = Buffer.concat(chunks).toString()
  // Name and message are those of @fastify/websocket, because tests compare the whole text.
  const fields = { name: 'Error', statusCode, headers, body, url, cause: causeOf(body) }
  return Object.assign(new UnexpectedAnswer(String(statusCode)), fields) as unknown as InjectError
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
