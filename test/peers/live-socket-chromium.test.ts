import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import t, { type Test } from 'tap'
import { createApp, listen } from '../fixtures/app.js'
import { bundleClient } from '../fixtures/client-bundle.js'
import { LiveRoom } from '../fixtures/live-room.js'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const isMissing = !existsSync(executablePath)

if (isMissing && process.env['CI'] === 'true') throw new Error(`There is no Chromium at ${executablePath}: apt-get install chromium`)

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

t.test('two LiveSockets of a page in Chromium resume after a restart of the server', { skip: isMissing && 'no Chromium: apt-get install chromium, or set CHROMIUM' }, async (t) => {
  const client = await bundleClient()
  const rooms = [new LiveRoom('/rooms/7', 60_000), new LiveRoom('/rooms/8', 60_000)]
  const create = async (t: Test) => {
    const app = await createApp(t)
    app.get('/', async (_request, reply) => reply.type('text/html').send(PAGE))
    app.get('/client.mjs', async (_request, reply) => reply.type('text/javascript').send(client))
    // No subprotocol is chosen: a browser fails the handshake where one was offered.
    app.ws('/plain', { protocols: [] }, (socket) => { socket.send('welcome') })
    for (const room of rooms) room.addRoute(app)
    return app
  }
  const publish = (data: string): void => { for (const room of rooms) room.publish(data) }
  const first = await create(t)
  const port = await listen(first)
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  })
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${port}/`)
  await Promise.all(rooms.map((room) => room.followers(1)))
  publish('before')
  const waitFor = (count: number) => page.waitForFunction((count) => (globalThis as unknown as { seen: string[] }).seen.length >= count, count)
  await waitFor(3)
  await first.close()
  publish('during')
  await page.evaluate(() => { for (const socket of (globalThis as unknown as { sockets: WebSocket[] }).sockets) socket.send('from the page') })
  const second = await create(t)
  await second.listen({ port, host: '127.0.0.1' })
  await Promise.all(rooms.map((room) => room.followers(1)))
  publish('after')
  await waitFor(8)
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)
  t.same(seen.sort(), [
    ...['/rooms/7', '/rooms/8'].flatMap((topic) => ['after', 'before', 'during'].map((data) => `${topic} ${data}`)), 'welcome', 'welcome'
  ])
  t.same(rooms.map(({ resumed }) => resumed), [[undefined, '/rooms/7#0'], [undefined, '/rooms/8#0']])
  t.same(rooms.map(({ received }) => received), [['from the page'], ['from the page']])
})
