import { randomBytes } from 'node:crypto'
import { request as httpRequest, Server as HttpServer, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { Server as TlsServer } from 'node:tls'
import { NotInjectable, UnexpectedAnswer } from '../errors.js'
import type { Version } from '../protocol/protocol.js'
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
  /** Taken for compatibility, for its address. */
  socket?: { remoteAddress?: string | undefined }
}

export interface InjectHooks {
  /** Gets the client before the handshake. */
  onInit?: (client: WireSocket) => void
  /** Gets the client when it is open. */
  onOpen?: (client: WireSocket) => void
}

/** What `injectWS()` rejects with when the server does not open a socket. */
export interface InjectError extends Error {
  readonly code: string
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

// The example of the draft (draft-ietf-hybi-thewebsocketprotocol-00 §1.2).
const KEY1 = '4 @1  46546xW%0l 1 5'
const KEY2 = '12998 5 Y3 1  .P00'
const KEY3 = '^n:ds[4U'
const PROOF_LENGTH = 16

const OWN_FIELDS: ReadonlySet<string> = new Set(['headers', 'protocols', 'remoteAddress', 'version', 'socket'] satisfies Array<keyof InjectContext>)

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
  const isTls = server instanceof TlsServer
  if (!isTls && !(server instanceof HttpServer)) throw new NotInjectable()
  const { version = '13' } = context
  const lost: Error = new UnexpectedAnswer('none, the connection was closed')
  const { near, far } = createPair(context, isTls, version)
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
      refusal(response).then(reject, reject)
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

function createPair (context: InjectContext, encrypted: boolean, version: Version): { near: MemorySocket, far: MemorySocket } {
  const { remoteAddress, socket } = context
  const clientAddress = remoteAddress ?? socket?.remoteAddress ?? '127.0.0.1'
  const serverAddress = clientAddress.includes(':') ? '::1' : '127.0.0.1'
  const serverPort = encrypted ? 443 : 80
  const clientPort = 49_152
  const createTransform = (): (bytes: Buffer) => Buffer => {
    if (version.startsWith('hixie')) return (bytes) => bytes
    const masking = new Masking()
    return (bytes) => masking.apply(bytes)
  }
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

async function refusal (response: IncomingMessage): Promise<InjectError> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode, headers } = response
  // The name that @fastify/websocket's rejection has, which tests compare as a whole.
  return Object.assign(new UnexpectedAnswer(String(statusCode)), { name: 'Error', statusCode, headers, body: Buffer.concat(chunks).toString() }) as unknown as InjectError
}
