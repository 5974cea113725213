import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerFactoryHandler, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import fastifyWireDefault, * as entry from '../index.js'
import type { WireOptions } from '../index.js'
import { injectSocket } from '../lib/inject/inject.js'
import { createApp, listen } from './fixtures/app.js'
import { closeFrame, RawClient, upgradeHead } from './fixtures/client.js'
import { FakeClock } from './fixtures/clock.js'
import { createHttp2App, Http2Client, listenHttp2 } from './fixtures/http2.js'
import { giveLocalhostTwoAddresses } from './fixtures/localhost.js'

t.test('the plugin is exported as default and by its names', async (t) => {
  t.equal(entry.fastifyWire, fastifyWireDefault)
  t.equal(entry.fastifyWebsocket, fastifyWireDefault)
  t.type(createRequire(import.meta.url)('../package.json').version, 'string')
})

t.test('app.ws returns the instance', async (t) => {
  const app = await createApp(t)
  t.equal(app.ws('/a', () => {}), app)
})

t.test('two routes at one URL with different constraints count as one URL', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', { constraints: { host: 'one.example' } }, (socket) => { socket.send('one') })
  app.ws('/demo', { constraints: { host: 'two.example' } }, (socket) => { socket.send('two') })
  const port = await listen(app)
  for (const name of ['one', 'two']) {
    const client = new RawClient(t, port)
    await client.upgrade('/demo', { Host: `${name}.example` })
    t.equal(await client.readText(), name)
  }
  const neither = new RawClient(t, port)
  neither.write(upgradeHead('/demo', { Host: 'three.example' }))
  t.equal((await neither.readAnswer()).status, 404)
})

t.test('an upgrade whose hooks are running when the server closes gets 503', async (t) => {
  const app = await createApp(t)
  let proceed = (): void => {}
  const hooked = new Promise<void>((resolve) => {
    app.ws('/demo', {
      preHandler: () => new Promise<void>((_resolve) => {
        proceed = _resolve
        resolve()
      })
    }, () => { t.fail('no socket') })
  })
  const client = new RawClient(t, await listen(app))
  client.write(upgradeHead())
  await hooked
  const closing = app.close()
  await new Promise<void>((resolve) => { setImmediate(resolve) })
  proceed()
  t.equal((await client.readAnswer()).status, 503)
  await closing
})

// Also for the start of the application, which takes a few milliseconds: a slow machine has a hundred times that.
const PLUGIN_TIMEOUT = 1_000
const LONGER = 1_300

/** Silent peers of every kind, an application that closes, and what happened in which order. */
async function closeBeside (
  t: Test, options: WireOptions, server: FastifyServerOptions, connect: (app: FastifyInstance) => Promise<unknown>
): Promise<string[]> {
  const events: string[] = []
  const app = await createApp(t, options, { pluginTimeout: PLUGIN_TIMEOUT, ...server })
  app.addHook('onClose', async () => { events.push('onClose') })
  app.ws('/demo', (socket) => {
    socket.on('close', (code) => { events.push(`close ${code}`) })
  })
  await connect(app)
  await app.close()
  return [...events, 'closed']
}

const connectSilently = (t: Test) => async (app: FastifyInstance): Promise<RawClient> => {
  const client = new RawClient(t, app.server.listening ? (app.server.address() as AddressInfo).port : await listen(app))
  await client.upgrade()
  return client
}

// Each waits longer than pluginTimeout, and so at the same time as the others.
t.test('the application closes', { jobs: 5 }, async (t) => {
  t.test('a silent peer delays app.close() by closeTimeout, even if pluginTimeout is shorter', { buffered: true }, async (t) => {
    let client: RawClient | undefined
    const connect = async (app: FastifyInstance): Promise<void> => { client = await connectSilently(t)(app) }
    t.same(await closeBeside(t, { closeTimeout: LONGER }, {}, connect), ['close 1006', 'onClose', 'closed'])
    t.same(await client?.readFrame(), { opcode: 8, payload: Buffer.from([0x03, 0xe9]) })
  })

  t.test('a silent peer delays app.close() by closeTimeout with forceCloseConnections too', { buffered: true }, async (t) => {
    t.same(await closeBeside(t, { closeTimeout: LONGER }, { forceCloseConnections: true }, connectSilently(t)), [
      'close 1006', 'onClose', 'closed'
    ])
  })

  t.test('a drain time may be longer than pluginTimeout', { buffered: true }, async (t) => {
    const connect = async (app: FastifyInstance): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        const client = await connectSilently(t)(app)
        client.readFrame().then(() => { client.write(closeFrame(1001)) }, t.error)
      }
    }
    t.same(await closeBeside(t, { shutdown: { drain: LONGER } }, {}, connect), [
      'close 1001', 'close 1001', 'close 1001', 'onClose', 'closed'
    ])
  })

  t.test('onClose hooks wait for injected sockets of an application that never listened', { buffered: true }, async (t) => {
    const connect = async (app: FastifyInstance): Promise<void> => { (await app.injectWS('/demo')).pause() }
    t.same(await closeBeside(t, { closeTimeout: LONGER }, {}, connect), ['close 1006', 'onClose', 'closed'])
  })

  t.test('onClose hooks wait for sockets of the second address of localhost', { buffered: true }, async (t) => {
    giveLocalhostTwoAddresses(t)
    const connect = async (app: FastifyInstance): Promise<void> => {
      await app.listen({ port: 0, host: 'localhost' })
      for (const { address, port } of app.addresses() as AddressInfo[]) {
        await new RawClient(t, port, false, address).upgrade()
      }
    }
    t.same(await closeBeside(t, { closeTimeout: LONGER }, {}, connect), ['close 1006', 'close 1006', 'onClose', 'closed'])
  })
})

t.test('URLs of sockets follow the options of the router', async (t) => {
  const app = await createApp(t, {}, { routerOptions: { ignoreTrailingSlash: true, caseSensitive: false } })
  app.ws('/demo', () => {})
  t.equal((await app.inject('/DEMO/')).statusCode, 426)
  // Fastify takes these options beside `routerOptions` too.
  const older = await createApp(t, {}, { ignoreTrailingSlash: true, caseSensitive: false })
  older.get('/demo', { websocket: true }, () => {})
  t.equal((await older.injectWS('/DEMO/')).readyState, 1)
})

t.test('routes that only the options of the router or a constraint tell apart can be declared', async (t) => {
  const app = await createApp(t, {}, { routerOptions: { ignoreTrailingSlash: true } })
  const empty = (): string => ''
  await app.register(async (app) => {
    app.get('/', empty)
    app.ws('/', { topic: true }, () => {})
  }, { prefix: '/rooms' })
  app.get('/a', { constraints: { version: '1.0.0' } }, empty)
  app.get('/a/:b?', { constraints: { version: '2.0.0' } }, empty)
  for (const url of ['/rooms', '/rooms/']) t.equal((await app.injectWS(url)).readyState, 1)
})

t.test('an upgrade during the shutdown gets FST_WIRE_CLOSING and Retry-After', async (t) => {
  const app = await createApp(t)
  let settle = (): void => {}
  const held = new Promise<void>((resolve) => { settle = resolve })
  let inject: Promise<unknown> | undefined
  app.ws('/demo', () => {})
  app.addHook('preClose', async () => {
    // Ours has run.
    inject = injectSocket(app.server as Server, '/demo').catch((error: unknown) => error)
    inject.then(settle, settle)
    await held
  })
  await app.close()
  t.match(await inject, {
    statusCode: 503, headers: { 'retry-after': '10', connection: 'close' }, body: /"code":"FST_WIRE_CLOSING"/
  })
  t.same(app.websocketServer.metrics().refusals, { FST_WIRE_CLOSING: 1 })
})

t.test('a probably misspelt option is logged as a warning', async (t) => {
  const lines: string[] = []
  await createApp(t, { maxPayloads: 5 } as object, {
    logger: { level: 'warn', stream: { write (line: string) { lines.push(line) } } }
  })
  t.match(lines.join(''), 'did you mean')
})

t.test('an application that never listened closes', async () => {
  const app = Fastify()
  await app.register(fastifyWireDefault)
  await app.close()
})

t.test('an upgrade to a route that was declared too early logs a warning', async (t) => {
  // An application that was there before the module: its announcement reached nobody.
  const lines: string[] = []
  const silent = channel('fastify.initialization')
  const publish = silent.publish
  silent.publish = () => {}
  const app = Fastify({ logger: { level: 'warn', stream: { write (line: string) { lines.push(line) } } } })
  silent.publish = publish
  t.teardown(() => app.close())
  app.register(fastifyWireDefault)
  app.get('/demo', { websocket: true } as object, async () => 'resource')
  const port = await listen(app)
  t.match(await new RawClient(t, port).upgrade(), ' 404 ')
  t.match(lines.join(''), 'await app.register(fastifyWire)')
})

t.test('an encapsulated instance has its own injectWS(), which may be called repeatedly', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let child: FastifyInstance | undefined
  app.register(async (instance) => {
    child = instance
    await instance.register(fastifyWireDefault)
    instance.ws('/demo', (socket) => { socket.send('in') })
  })
  app.register(async () => {})
  await app
  t.notOk(app.hasDecorator('injectWS'))
  for (let i = 0; i < 3; i++) {
    const client = await child!.injectWS('/demo')
    t.equal(String((await once(client, 'message'))[0]), 'in')
    client.terminate()
  }
})

t.test('app.injectWS() rejects with the error of app.ready()', async (t) => {
  const app = Fastify()
  await app.register(fastifyWireDefault)
  app.register(async () => { throw new Error('mine') })
  await t.rejects(app.injectWS('/demo'), { message: 'mine' })
})

t.test('app.injectWS opens a socket without a port', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.send('in') })
  const client = await app.injectWS('/demo')
  t.equal(String((await once(client, 'message'))[0]), 'in')
  client.terminate()
})

t.test('a constrained route without a socket has the handshakeTimeout of the plugin', async (t) => {
  const clock = new FakeClock(t)
  const app = await createApp(t, { handshakeTimeout: 60_000 })
  app.route({
    method: 'GET',
    url: '/own',
    constraints: { upgrade: 'websocket' },
    handler: async (request) => (request.query as object)
  })
  app.route({ method: 'GET', url: '/hangs', constraints: { upgrade: 'websocket' }, handler: () => {} })
  const port = await listen(app)
  for (const [path, status] of [['/own', 200], ['/hangs', 503]] as const) {
    const client = new RawClient(t, port)
    const head = client.upgrade(path)
    if (path === '/hangs') await clock.expire(60_000)
    t.match(await head, ` ${status} `)
    await client.readEnd()
  }
})

t.test('a URL with only a socket answers a plain GET over HTTP/2 with 426, without forbidden headers', async (t) => {
  const app = await createHttp2App(t)
  app.ws('/demo', (socket) => { socket.send('hello') })
  const client = await Http2Client.connect(t, await listenHttp2(app))
  t.equal(await (await client.open()).readText(), 'hello')
  t.match(await client.get('/demo'), { status: 426, body: /FST_WIRE_UPGRADE_REQUIRED/ })
})

t.test('every address of localhost serves sockets over HTTP/2', async (t) => {
  giveLocalhostTwoAddresses(t)
  const app = await createHttp2App(t)
  app.ws('/demo', (socket) => { socket.send('hello') })
  await app.listen({ port: 0 })
  const { port } = app.server.address() as AddressInfo
  const peers = await Promise.all(['127.0.0.1', '127.0.0.2'].map(async (address) => await (await Http2Client.connect(
    t, `http://${address}:${port}`
  )).open()))
  for (const peer of peers) t.equal(await peer.readText(), 'hello')
  const closed = app.close()
  for (const peer of peers) {
    t.equal(await peer.readClose(), 1001)
    peer.sendClose(1001)
    peer.stream.end()
  }
  await closed
})

t.test('injectWS() reaches the sockets of an HTTP/2 application', async (t) => {
  for (const secure of [false, true]) {
    const app = await createHttp2App(t, {}, { secure })
    app.ws('/demo', (socket, request) => { socket.send(`${request.protocol} ${request.raw.httpVersion}`) })
    const client = await app.injectWS('/demo')
    t.equal(String((await once(client, 'message'))[0]), `${secure ? 'https' : 'http'} 1.1`)
    await t.rejects(app.injectWS('/missing'), /404/)
    client.terminate()
  }
})

t.test('injectWS() opens a socket over HTTP/2 on request', async (t) => {
  const app = await createHttp2App(t)
  app.ws('/demo', (socket, request) => { socket.send(request.raw.httpVersion) })
  const client = await app.injectWS('/demo', { http2: true })
  t.equal(String((await once(client, 'message'))[0]), '2.0')
  client.terminate()
})

t.test('errors of listeners outside of a socket are logged, and a logger that throws does no harm', async (t) => {
  const lines: string[] = []
  let isBroken = false
  const write = (line: string): void => {
    lines.push(line)
    if (isBroken) throw new Error('the disk is full')
  }
  const app = await createApp(t, {}, { logger: { level: 'error', stream: { write } } })
  app.websocketServer.on('close', () => { throw new Error('of a listener') })
  let enter = (_request: IncomingMessage): void => {}
  app.ws('/held', {
    onRequest: ({ raw }) => {
      enter(raw)
      return new Promise<void>(() => {})
    }
  }, () => { t.fail('no socket') })
  const port = await listen(app)
  for (isBroken of [false, true]) {
    const entered = new Promise<IncomingMessage>((resolve) => { enter = resolve })
    const leaving = new RawClient(t, port)
    leaving.write(upgradeHead('/held'))
    const request = await entered
    const aborted = new Promise<void>((resolve) => {
      request.once('aborted', () => {
        resolve()
        throw new Error('of an abort')
      })
    })
    leaving.socket.resetAndDestroy()
    await aborted
  }
  isBroken = false
  await app.close()
  const [first, ...others] = lines.map((line) => JSON.parse(line) as { msg: string })
  t.match(first, { msg: 'an upgrade failed', err: { message: 'of an abort' } })
  t.match(others.at(-1), { msg: 'a listener of websocketServer failed', err: { message: 'of a listener' } })
})

t.test('an error thrown by any function of the application refuses the upgrade', async (t) => {
  const app = await createApp(t)
  const reasons = { nothing: undefined, frozen: Object.freeze(new Error('mine')) }
  for (const [name, reason] of Object.entries(reasons)) {
    // eslint-disable-next-line no-throw-literal -- that is what is tested
    app.ws(`/${name}`, { protocols: () => { throw reason as Error } }, () => { t.fail('no socket') })
  }
  for (const name of Object.keys(reasons)) await t.rejects(app.injectWS(`/${name}`, { protocols: ['chat'] }), /500/)
})

for (const http2 of [false, true]) {
  t.test(`a hook that throws after an HTTP/${http2 ? 2 : 1.1} handshake is logged, and the socket kept`, async (t) => {
    const lines: string[] = []
    const stream = { write (line: string) { lines.push(line) } }
    const app = await createApp(t, {}, { http2, logger: { level: 'error', stream } } as object)
    app.addHook('onRequest', (_request, reply, done) => {
      reply.raw.on('finish', () => { throw new Error('of a listener') })
      done()
    })
    app.ws('/demo', (socket) => { socket.on('message', (data) => { socket.send(data) }) })
    const client = await app.injectWS('/demo')
    const echoed = once(client, 'message')
    client.send('hello')
    t.equal(String((await echoed)[0]), 'hello')
    client.terminate()
    t.match(lines.map((line) => JSON.parse(line) as unknown), [
      { msg: 'an upgrade failed', err: { message: 'of a listener' } }
    ])
  })
}

t.test('applications that share a server answer the upgrades to their own routes', async (t) => {
  const handlers: FastifyServerFactoryHandler[] = []
  const server = createServer((request, response) => { handlers[request.url === '/b' ? 1 : 0]?.(request, response) })
  const serverFactory = (handler: FastifyServerFactoryHandler): Server => {
    handlers.push(handler)
    return server
  }
  const apps = [Fastify({ serverFactory }), Fastify({ serverFactory })] as const
  for (const app of apps) t.teardown(() => app.close())
  for (const [index, app] of apps.entries()) {
    app.register(fastifyWireDefault)
    app.get(index === 0 ? '/a' : '/b', { websocket: true }, (socket) => { socket.send(`early ${index}`) })
    await app.after()
    app.ws(index === 0 ? '/a/live' : '/b/live', (socket) => { socket.send(`app ${index}`) })
    await app.ready()
  }
  const port = await listen(apps[0])
  const texts: string[] = []
  for (const url of ['/a', '/b', '/a/live', '/b/live']) {
    const client = new RawClient(t, port)
    await client.upgrade(url)
    texts.push(await client.readText())
  }
  t.same(texts, ['early 0', 'early 1', 'app 0', 'app 1'])
})
