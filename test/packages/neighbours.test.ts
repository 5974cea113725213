// Other listeners for upgrades on the same server, registered before the plugin and behind it.
import { once } from 'node:events'
import proxy from '@fastify/http-proxy'
import Fastify, { type FastifyInstance } from 'fastify'
import { Server as SocketIO } from 'socket.io'
import { io } from 'socket.io-client'
import t, { type Test } from 'tap'
import { createServer } from 'vite'
import { WebSocket } from 'ws'
import { fastifyWire } from '../../index.js'
import { listen } from '../fixtures/app.js'

const ORDERS = ['behind the plugin', 'before the plugin'] as const

/** An application with an echo at /echo and another package's listener. */
async function createApp (
  t: Test, order: typeof ORDERS[number], addNeighbour: (app: FastifyInstance) => unknown
): Promise<FastifyInstance> {
  const app = Fastify({ forceCloseConnections: true })
  t.teardown(() => app.close())
  if (order === 'before the plugin') await addNeighbour(app)
  await app.register(fastifyWire, { closeTimeout: 500 })
  app.ws('/echo', (socket) => { socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) }) })
  if (order === 'behind the plugin') await addNeighbour(app)
  return app
}

async function echo (url: string, protocol?: string): Promise<string> {
  const client = new WebSocket(url, protocol)
  await once(client, 'open')
  client.send('hello')
  const [data] = await once(client, 'message')
  client.close()
  await once(client, 'close')
  return String(data)
}

for (const order of ORDERS) {
  t.test(`@fastify/http-proxy ${order}: each handles its own upgrades`, async (t) => {
    const upstream = Fastify()
    t.teardown(() => upstream.close())
    await upstream.register(fastifyWire)
    upstream.ws('/echo', (socket) => { socket.on('message', (data) => { socket.send(`upstream: ${String(data)}`) }) })
    const upstreamPort = await listen(upstream)

    const app = await createApp(t, order, (app) => app.register(proxy, {
      upstream: `http://127.0.0.1:${upstreamPort}`, prefix: '/proxied', websocket: true
    }))
    const url = `ws://127.0.0.1:${await listen(app)}`
    t.equal(await echo(`${url}/echo`), 'hello')
    t.equal(await echo(`${url}/proxied/echo`), 'upstream: hello')
    t.equal(await echo(`${url}/echo`), 'hello')
  })

  t.test(`socket.io ${order}: each handles its own upgrades`, async (t) => {
    const app = await createApp(t, order, (app) => {
      const server = new SocketIO(app.server, { transports: ['websocket'] })
      server.on('connection', (socket) => {
        socket.on('greet', (name: string, answer: (
          text: string
        ) => void) => { answer(`hello ${name}`) })
      })
      app.addHook('preClose', async () => { server.disconnectSockets(true) })
    })
    const port = await listen(app)
    t.equal(await echo(`ws://127.0.0.1:${port}/echo`), 'hello')
    const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false })
    t.teardown(() => client.disconnect())
    t.equal(await client.timeout(5000).emitWithAck('greet', 'Ada'), 'hello Ada')
    t.equal(await echo(`ws://127.0.0.1:${port}/echo`), 'hello')
  })

  t.test(`the hot reloading of Vite ${order}: each handles its own upgrades`, async (t) => {
    let token = ''
    const app = await createApp(t, order, async (app) => {
      const vite = await createServer({
        configFile: false,
        root: t.testdir({ 'index.html': '<html></html>' }),
        cacheDir: t.testdirName,
        appType: 'custom',
        logLevel: 'silent',
        optimizeDeps: { noDiscovery: true },
        server: { middlewareMode: true, watch: null, hmr: { server: app.server } }
      })
      token = vite.config.webSocketToken
      vite.ws.on('greet', ({ name }: { name: string }, client) => { client.send('greeted', { name }) })
      app.addHook('preClose', () => vite.close())
    })
    const url = `ws://127.0.0.1:${await listen(app)}`
    t.equal(await echo(`${url}/echo`), 'hello')
    const client = new WebSocket(`${url}/?token=${token}`, 'vite-hmr')
    const [connected] = await once(client, 'message')
    t.match(String(connected), /"connected"/)
    client.send(JSON.stringify({ type: 'custom', event: 'greet', data: { name: 'Ada' } }))
    const [greeted] = await once(client, 'message')
    t.same(JSON.parse(String(greeted)), { type: 'custom', event: 'greeted', data: { name: 'Ada' } })
    t.equal(await echo(`${url}/echo`), 'hello')
    client.close()
    await once(client, 'close')
  })
}

t.test('@fastify/http-proxy with the prefix / after the plugin gets all other requests', async (t) => {
  const upstream = Fastify()
  t.teardown(() => upstream.close())
  await upstream.register(fastifyWire)
  upstream.ws('/other', (socket) => { socket.on('message', (data) => { socket.send(`upstream: ${String(data)}`) }) })
  const upstreamPort = await listen(upstream)
  const app = await createApp(t, 'behind the plugin', (app) => app.register(proxy, {
    upstream: `http://127.0.0.1:${upstreamPort}`, prefix: '/', websocket: true
  }))
  const url = `ws://127.0.0.1:${await listen(app)}`
  t.equal(await echo(`${url}/echo`), 'hello')
  t.equal(await echo(`${url}/other`), 'upstream: hello')
  t.equal(await echo(`${url}/echo`), 'hello')
})
