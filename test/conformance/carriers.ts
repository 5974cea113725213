import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { WireOptions, WireSocket } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { upgradeHead } from '../fixtures/client.js'
import { createHttp2App, Http2Client, listenHttp2 } from '../fixtures/http2.js'
import { LONGEST } from './hixie.js'

/** A server that echoes, and the ways to connect to it. */
export interface Carrier {
  /** Opens a WebSocket. Resolves with its stream, and the extensions in the answer of the server. */
  open (offer: string | undefined): Promise<{ readonly stream: Duplex, readonly extensions: string }>
  /** Opens a stream to the server without a handshake. HTTP/2 has none. */
  readonly connect: (() => Promise<Duplex>) | undefined
}

type Scope = Pick<Test, 'teardown'>

// Without the heartbeat, because the cases expect no ping. A thousand messages can take longer than its interval.
const OPTIONS: WireOptions = {
  maxPayload: 16_777_216 + 1_024, perMessageDeflate: { threshold: 0 }, origin: true, heartbeat: false
}
const CONTEXTS: WireOptions = {
  ...OPTIONS, perMessageDeflate: { threshold: 0, contextTakeover: true, clientContextTakeover: true }
}

const echo = (socket: WireSocket): void => {
  socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
}

/** Adds a route for the hixie drafts, which closes on request. */
const addOldRoute = (app: FastifyInstance): void => {
  app.ws('/old', { maxPayload: LONGEST }, (socket) => {
    socket.on('message', (data) => {
      if (String(data) === 'close me') socket.close()
      else socket.send(data, { binary: false })
    })
  })
}

/** Reads a head byte by byte, so that the bytes after it stay in the stream. */
export async function readHead (stream: Duplex): Promise<string> {
  let head = ''
  while (!head.endsWith('\r\n\r\n')) {
    const byte = stream.read(1) as Buffer | null
    if (byte !== null) head += byte.toString('latin1')
    else if (stream.readableEnded || stream.destroyed) throw new Error(`the stream ended within a head: ${head}`)
    else await new Promise<void>((resolve) => { stream.once('readable', resolve) })
  }
  return head
}

/** Starts a server for HTTP/1.1. @param connected the event of the stream after which it can be used */
async function http1 (
  t: Scope, options: WireOptions, dial: (port: number) => Socket, connected: string, server: object = {}
): Promise<Carrier> {
  const app: FastifyInstance = await createApp(t as Test, options, server)
  app.ws('/demo', echo)
  addOldRoute(app)
  const port = await listen(app)
  const connectTo = async (): Promise<Duplex> => {
    const stream = dial(port).setNoDelay(true)
    t.teardown(() => { stream.destroy() })
    await once(stream, connected)
    return stream
  }
  return {
    connect: connectTo,
    open: async (offer) => {
      const stream = await connectTo()
      stream.write(upgradeHead('/demo', { 'Sec-WebSocket-Extensions': offer }))
      const head = await readHead(stream)
      if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(head)
      return { stream, extensions: /^sec-websocket-extensions: (.*)\r$/im.exec(head)?.[1] ?? '' }
    }
  }
}

const tcp = (t: Scope, options: WireOptions): Promise<Carrier> => http1(
  t, options, (port) => connect(port, '127.0.0.1'), 'connect'
)

function tls (t: Scope): Promise<Carrier> {
  const file = (extension: string): Buffer => readFileSync(new URL(
    `../fixtures/localhost.${extension}`, import.meta.url
  ))
  const dial = (port: number): Socket => connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  return http1(t, OPTIONS, dial, 'secureConnect', { https: { key: file('key'), cert: file('crt') } })
}

async function http2 (t: Scope): Promise<Carrier> {
  const app = await createHttp2App(t as Test, OPTIONS)
  app.ws('/demo', echo)
  const client = await Http2Client.connect(t as Test, await listenHttp2(app))
  return {
    connect: undefined,
    open: async (offer) => {
      const stream = client.request('/demo', { 'sec-websocket-extensions': offer })
      const [headers] = await once(stream, 'response') as [Record<string, string | undefined>]
      return { stream, extensions: headers['sec-websocket-extensions'] ?? '' }
    }
  }
}

/** Every transport that can carry a conversation. */
export const CARRIERS = {
  TCP: (t: Scope) => tcp(t, OPTIONS),
  TLS: tls,
  'HTTP/2': http2,
  'TCP with directIO: false': (t: Scope) => tcp(t, { ...OPTIONS, directIO: false }),
  'TCP with contexts of zlib for each connection': (t: Scope) => tcp(t, CONTEXTS)
} as const satisfies Record<string, (t: Scope) => Promise<Carrier>>

export type CarrierName = keyof typeof CARRIERS
