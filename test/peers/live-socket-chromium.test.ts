import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { createApp, listen } from '../fixtures/app.js'
import { openPage, PATIENTLY, withoutChromium } from '../fixtures/chromium.js'
import { bundleClient } from '../fixtures/client-bundle.js'
import { createHttp2App, listenHttp2 } from '../fixtures/http2.js'
import { LiveRoom } from '../fixtures/live-room.js'

const options = { skip: withoutChromium }

/** Serves a page and the client that it loads. */
const servePage = async (app: FastifyInstance, page: string): Promise<void> => {
  const client = (await bundleClient()).get('live-socket.mjs')!
  app.get('/', async (_request, reply) => reply.type('text/html').send(page))
  app.get('/client.mjs', async (_request, reply) => reply.type('text/javascript').send(client))
}

const PAGE = `<!doctype html><title>LiveSocket</title><script type="module">
  import { LiveSocket } from '/client.mjs'
  globalThis.seen = []
  globalThis.sockets = ['/rooms/7', '/rooms/8', '/plain'].map((url) => {
    const socket = new LiveSocket(url, [], { maxBackoff: 200 })
    socket.onmessage = ({ data, topic }) => { seen.push(topic === undefined ? data : topic + ' ' + data) }
    socket.ongap = ({ topic }) => { seen.push('gap in ' + topic) }
    return socket
  })
</script>`

t.test('two LiveSockets of a page in Chromium resume after a restart of the server', options, async (t) => {
  const rooms = [new LiveRoom('/rooms/7', 60_000), new LiveRoom('/rooms/8', 60_000)]
  const create = async (t: Test) => {
    const app = await createApp(t)
    await servePage(app, PAGE)
    // No subprotocol is chosen: a browser fails the handshake where one was offered.
    app.ws('/plain', { protocols: [] }, (socket) => { socket.send('welcome') })
    for (const room of rooms) room.addRoute(app)
    return app
  }
  const publish = (data: string): void => { for (const room of rooms) room.publish(data) }
  const first = await create(t)
  const port = await listen(first)
  const page = await openPage(t, `http://127.0.0.1:${port}/`)
  await Promise.all(rooms.map((room) => room.followers(1)))
  publish('before')
  const waitFor = (count: number) => page.waitForFunction(
    (count) => (globalThis as unknown as { seen: string[] }).seen.length >= count, count, PATIENTLY
  )
  await waitFor(3)
  await first.close()
  publish('during')
  await page.evaluate(() => {
    for (const socket of (globalThis as unknown as { sockets: WebSocket[] }).sockets) socket.send('from the page')
  })
  const second = await create(t)
  await second.listen({ port, host: '127.0.0.1' })
  await Promise.all(rooms.map((room) => room.followers(1)))
  publish('after')
  await waitFor(8)
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)
  t.same(seen.sort(), [
    ...['/rooms/7', '/rooms/8'].flatMap((topic) =>
      ['after', 'before', 'during'].map((data) => `${topic} ${data}`)), 'welcome', 'welcome'
  ])
  t.same(rooms.map(({ resumed }) => resumed), [[undefined, '/rooms/7#0'], [undefined, '/rooms/8#0']])
  t.same(rooms.map(({ received }) => received), [['from the page'], ['from the page']])
})

const CROWD = `<!doctype html><title>LiveSockets</title><script type="module">
  import { LiveSocket } from '/client.mjs'
  globalThis.seen = []
  for (let i = 0; i < 100; i++) new LiveSocket('/rooms/7').onmessage = ({ data }) => { seen.push(data) }
</script>`

t.test('a hundred LiveSockets over HTTP/2 are streams of one connection', options, async (t) => {
  const app = await createHttp2App(t, {}, { secure: true })
  const connections: Duplex[] = []
  app.server.on('secureConnection', (connection: Duplex) => { connections.push(connection) })
  await servePage(app, CROWD)
  const room = new LiveRoom('/rooms/7')
  room.addRoute(app)
  const page = await openPage(t, await listenHttp2(app))
  await room.followers(100)
  room.publish('hello')
  await page.waitForFunction(
    () => (globalThis as unknown as { seen: string[] }).seen.length === 100, undefined, PATIENTLY
  )
  t.equal(connections.length, 1)
  connections[0]?.destroy()
})
