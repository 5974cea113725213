// The configurations of docs/deployment.md, each run by the proxy that it is for, before two processes of the
// application there.
import { once } from 'node:events'
import { connect, type ClientHttp2Session } from 'node:http2'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket, type ClientOptions } from 'ws'
import type { OpenReport } from '../../index.js'
import { blockWith } from '../fixtures/docs.js'
import { runApp } from '../fixtures/docs-app.js'
import { PROXIES, proxyProgram, startProxy } from '../fixtures/proxy.js'

const SPOOFED = { 'x-forwarded-for': '192.0.2.1', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' }

interface Seen {
  readonly ip: string
  readonly protocol: string
  readonly host: string
  /** Of the process. */
  readonly port: number
}

/** What the application sees of each client that connects. */
function watchRequests (t: Test): Seen[] {
  const seen: Seen[] = []
  const see = (report: unknown): void => {
    const { ip, protocol, host, socket } = (report as OpenReport).request as FastifyRequest
    seen.push({ ip, protocol, host, port: socket.localPort! })
  }
  subscribe('fastify-wire:open', see)
  t.teardown(() => { unsubscribe('fastify-wire:open', see) })
  return seen
}

const dial = (url: string, options: ClientOptions = {}): WebSocket =>
  new WebSocket(url, { rejectUnauthorized: false, localAddress: '127.0.0.2', ...options })

async function openSocket (url: string, options?: ClientOptions): Promise<WebSocket> {
  const client = dial(url, options)
  await once(client, 'open')
  return client
}

for (const [name, proxy] of Object.entries(PROXIES)) {
  const isMissing = proxyProgram(proxy) === null && process.env['CI'] !== 'true'
  t.test(`${name} passes sockets on to two processes, which know the client`, {
    skip: isMissing &&
    `${name} is not installed`
  }, async (t) => {
    const code = blockWith('docs/deployment.md', '// server.js')
    const { port: one } = await runApp(t, code)
    const { port: two } = await runApp(t, code)
    const server = await startProxy(proxy, [one, two])
    t.teardown(() => server.stop())
    const seen = watchRequests(t)
    const host = `localhost:${server.port}`
    const url = `wss://${host}/echo`
    const page = { origin: `https://${host}`, family: 4 }

    const first = await openSocket(url, { ...page, headers: SPOOFED })
    const second = await openSocket(url, page)
    for (const client of [first, second]) {
      client.send('hello')
      t.equal(String((await once(client, 'message'))[0]), 'hello')
    }
    for (const { ip, protocol, host: asked } of seen) {
      t.same({ ip, protocol, asked }, { ip: '127.0.0.2', protocol: 'https', asked: host })
    }
    t.same(seen.map(({ port }) => port).sort(), [one, two].sort(), 'the processes share the sockets')

    const foreign = dial(url, { ...page, origin: 'https://evil.example' })
    t.match((await once(foreign, 'unexpected-response'))[1], { statusCode: 403 }, 'pages of other origins are refused')
    foreign.on('error', () => {})
    foreign.terminate()

    first.close(4001, 'bye')
    t.same((await once(first, 'close'))[0], 4001, 'close codes come through')
    second.close()
    await once(second, 'close')
    if (name === 'haproxy') await openOverHttp2(t, host)
  })
}

/** As a browser does, on the connection that its page has. */
async function openOverHttp2 (t: Test, host: string): Promise<void> {
  const session: ClientHttp2Session = connect(`https://${host}`, { rejectUnauthorized: false })
  t.teardown(() => { session.destroy() })
  await once(session, 'remoteSettings')
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/echo',
    'sec-websocket-version': '13',
    origin: `https://${host}`
  }, { endStream: false })
  const [headers] = await once(stream, 'response') as [Record<string, unknown>]
  t.equal(headers[':status'], 200, 'a socket opens on the HTTP/2 connection of the page')
  stream.close()
}
