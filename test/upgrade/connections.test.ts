import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { readFileSync } from 'node:fs'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { fastifyWire } from '../../index.js'
import { timers } from '../../lib/timers.js'
import { Connections } from '../../lib/upgrade/connections.js'
import { listen } from '../fixtures/app.js'
import { FakeClock } from '../fixtures/clock.js'
import { closeOf, upgradeHead } from '../fixtures/client.js'

const TLS = {
  key: readFileSync(new URL('../fixtures/localhost.key', import.meta.url)),
  cert: readFileSync(new URL('../fixtures/localhost.crt', import.meta.url))
}
const KINDS: Record<string, object> = {
  'HTTP/1.1': {},
  TLS: { https: TLS },
  'HTTP/2': { http2: true },
  'HTTP/2 over TLS': { http2: true, https: { ...TLS, allowHTTP1: true } }
}

async function createApp (t: Test, options: object, closeTimeout = 50): Promise<FastifyInstance> {
  const app = Fastify(options)
  t.teardown(() => app.close())
  await app.register(fastifyWire, { closeTimeout })
  app.ws('/demo', () => {})
  app.ws('/refused', { onRequest: async (_request, reply) => reply.code(403).send({}) }, () => {})
  return app
}

/** A peer that the server has accepted, and that keeps its side open. */
async function peer (t: Test, app: FastifyInstance, port: number, bytes = '', host = '127.0.0.1'): Promise<Socket> {
  const accepted = once(app.server, 'connection')
  const socket = connect({ port, host, allowHalfOpen: true })
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {}).resume()
  if (host === '127.0.0.1') await accepted
  else await once(socket, 'connect')
  if (bytes !== '') socket.write(bytes)
  return socket
}

for (const [kind, options] of Object.entries(KINDS)) {
  t.test(`over ${kind} an application closes although peers have sent nothing, or only a part`, async (t) => {
    const app = await createApp(t, options)
    const port = await listen(app)
    const sockets = [
      await peer(t, app, port), await peer(t, app, port, 'GET /demo HTTP/1.1\r\nHost: a\r\n'),
      await peer(t, app, port, '\x16\x03\x01')
    ]
    const closed = sockets.map(closeOf)
    for (const socket of sockets) socket.on('end', () => { socket.end() })
    await app.close()
    await Promise.all(closed)
  })
}

t.test('an application closes although a peer is idle after its TLS handshake', async (t) => {
  const app = await createApp(t, { https: TLS })
  const socket = connectTls({
    port: await listen(app), host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true
  } as object)
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {}).resume()
  await once(socket, 'secureConnect')
  await app.close()
})

for (const kind of ['HTTP/2', 'HTTP/2 over TLS']) {
  t.test(`an application closes although a session of ${kind} is idle`, async (t) => {
    const app = await createApp(t, KINDS[kind]!)
    const session = connectHttp2(
      `${kind === 'HTTP/2' ? 'http' : 'https'}://127.0.0.1:${await listen(app)}`, { rejectUnauthorized: false }
    )
    t.teardown(() => { session.destroy() })
    session.on('error', () => {})
    await once(session, 'remoteSettings')
    await app.close()
  })
}

t.test('an application that listens on localhost closes the connections of every address', async (t) => {
  const app = await createApp(t, {})
  await app.listen({ port: 0, host: 'localhost' })
  const sockets: Socket[] = []
  for (const { address, port } of app.addresses() as AddressInfo[]) {
    sockets.push(await peer(t, app, port, 'GET / HT', address === '127.0.0.1' ? address : '::1'))
  }
  const closed = sockets.map(closeOf)
  for (const socket of sockets) socket.on('end', () => { socket.end() })
  await app.close()
  await Promise.all(closed)
})

/** A route whose request is pending from `entered` until `answer()`. */
function addSlowRoute (app: FastifyInstance): { entered: Promise<void>, answer: (text: string) => void } {
  let answer = (_text: string): void => {}
  let enter = (): void => {}
  const entered = new Promise<void>((resolve) => { enter = resolve })
  app.get('/slow', () => new Promise<string>((resolve) => {
    answer = resolve
    enter()
  }))
  return { entered, answer: (text) => { answer(text) } }
}

t.test('a pending HTTP/2 stream is finished, and then its connection ends', async (t) => {
  const clock = new FakeClock(t)
  const app = await createApp(t, KINDS['HTTP/2']!, 20)
  const { entered, answer } = addSlowRoute(app)
  const port = await listen(app)
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => { session.destroy() })
  const stream = session.request({ ':path': '/slow' })
  await entered
  const idle = await peer(t, app, port)
  const cut = once(idle, 'close')
  idle.on('end', () => { idle.end() })
  const closed = app.close()
  await cut
  clock.advance(40)
  t.equal(session.destroyed, false)
  answer('finished')
  t.equal(String(Buffer.concat(await stream.toArray() as Buffer[])), 'finished')
  await closed
})

t.test('a pending request is finished, and then its connection ends', async (t) => {
  for (const options of [{}, { https: TLS }]) {
    const app = await createApp(t, options, 20)
    const { entered, answer } = addSlowRoute(app)
    const port = await listen(app)
    const secure = 'https' in options
    const socket = secure
      ? connectTls({
        port, host: '127.0.0.1', rejectUnauthorized: false
      })
      : connect(port, '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    let received = ''
    socket.on('data', (bytes) => { received += String(bytes) })
    const ended = once(socket, 'close')
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await entered
    const idle = await peer(t, app, port)
    const cut = closeOf(idle)
    idle.on('end', () => { idle.end() })
    const closed = app.close()
    await cut
    t.equal(received, '')
    answer('finished')
    await closed
    await ended
    t.match(received, /finished$/)
  }
})

t.test('a refused peer that keeps its side open does not delay the shutdown', async (t) => {
  const clock = new FakeClock(t)
  const app = await createApp(t, {}, 60_000)
  // After the hook of the plugin: by default a refused peer may linger for longer.
  app.addHook('preClose', async () => {
    clock.advance(500)
    t.equal(connection.destroyed, true)
    clock.advance(5_000)
  })
  const port = await listen(app)
  const accepted = once(app.server, 'connection') as Promise<[Socket]>
  const socket = await peer(t, app, port, upgradeHead('/refused'))
  const [connection] = await accepted
  await once(socket, 'end')
  t.equal(connection.destroyed, false)
  await app.close()
})

t.test('a connection that became a socket is no longer tracked', async (t) => {
  const connections = new Connections()
  const app = Fastify()
  t.teardown(() => app.close())
  const stop = connections.watch(app.server as unknown as Server)
  const port = await listen(app)
  const socket = await peer(t, app, port)
  t.equal(connections.size, 1)
  const [accepted] = await Promise.all([once(app.server, 'connection'), peer(t, app, port)]) as [[Socket], Socket]
  connections.forget(accepted[0])
  connections.forget(accepted[0])
  t.equal(connections.size, 1)
  // Handed back to the server, it is the same connection.
  for (let i = 0; i < 2; i++) app.server.emit('connection', accepted[0])
  t.equal(connections.size, 2)
  const listeners = accepted[0].listeners('close')
  t.equal(new Set(listeners).size, listeners.length, 'with no listener twice')
  stop()
  app.server.emit('session', {})
  socket.destroy()
})

t.test('a session that begins during the shutdown accepts no streams', async (t) => {
  const connections = new Connections()
  const server = createHttp2Server()
  const stop = connections.watch(server as unknown as Server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    stop()
    connections.stop()
    server.close()
  })
  connections.close(60_000)
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => {})
  await once(session, 'close')
  t.equal(session.closed, true)
})

t.test('a session without a connection is not tracked', async (t) => {
  const connections = new Connections()
  const server = createHttp2Server()
  const stop = connections.watch(server as unknown as Server)
  t.teardown(() => { stop() })
  server.emit('session', {})
  t.equal(connections.size, 0)
})

t.test('a refused peer has 5 s to end its connection, and 500 ms during the shutdown', async (t) => {
  const delays: number[] = []
  t.intercept(timers, 'setTimeout', {
    value: (_callback: () => void, delay: number) => {
      delays.push(delay)
      return { unref () {} }
    }
  })
  const connections = new Connections(60_000)
  connections.end(new PassThrough())
  connections.close(60_000)
  connections.end(new PassThrough())
  t.same(delays, [5_000, 500, 60_000, 500])
  new Connections(20).end(new PassThrough())
  t.equal(delays.at(-1), 20)
})
