import t from 'tap'
import { openPage, PATIENTLY, withoutChromium } from '../fixtures/chromium.js'
import { createHttp2App, listenHttp2 } from '../fixtures/http2.js'

const options = { skip: withoutChromium }

/** In the page: opens a socket, echoes messages of these sizes, closes it. */
const converse = async ({ path, sizes }: { path: string, sizes: number[] }) => {
  const socket = new WebSocket(`wss://${location.host}${path}`, ['one', 'two'])
  socket.binaryType = 'arraybuffer'
  const next = <Event>(type: string): Promise<Event> => new Promise((resolve, reject) => {
    socket.addEventListener(type, resolve as (event: unknown) => void, { once: true })
    socket.addEventListener('error', () => { reject(new Error('the socket failed')) }, { once: true })
  })
  await next('open')
  const results: boolean[] = []
  for (const size of sizes) {
    const bytes = new Uint8Array(size).fill(7)
    const message = next<{ data: ArrayBuffer }>('message')
    socket.send(bytes)
    const echo = new Uint8Array((await message).data)
    results.push(echo.length === size && echo.every((byte) => byte === 7))
  }
  const closed = next<{ code: number, reason: string, wasClean: boolean }>('close')
  socket.send('close me')
  const { code, reason, wasClean } = await closed
  return { protocol: socket.protocol, extensions: socket.extensions, results, code, reason, wasClean }
}

t.test('Chromium opens sockets over its existing HTTP/2 connection', options, async (t) => {
  const versions: string[] = []
  const app = await createHttp2App(t, { perMessageDeflate: true, maxPayload: 4_194_304 }, { secure: true })
  app.get('/', async (request, reply) => {
    versions.push(`page ${request.raw.httpVersion}`)
    return await reply.type('text/html').header(
      'set-cookie', 'user=me; Secure'
    ).send('<!doctype html><title>demo</title>')
  })
  app.ws('/echo', { protocols: ['two'] }, (socket, request) => {
    versions.push(`socket ${request.raw.httpVersion} ${request.headers.cookie ?? ''} ${request.headers.origin ?? ''}`)
    socket.on('message', (data, isBinary) => {
      if (data.toString() === 'close me') socket.close(4001, 'as you wish')
      else socket.send(data, { binary: isBinary })
    })
  })
  app.ws('/refused', { onRequest: async (_request, reply) => reply.code(401).send('no') }, () => {})
  const origin = await listenHttp2(app)
  const page = await openPage(t, origin)
  const sizes = [0, 1, 125, 126, 65_535, 65_536, 1_048_576, 4_194_304]
  t.match(await page.evaluate(converse, { path: '/echo', sizes }), {
    protocol: 'two',
    extensions: /^permessage-deflate/,
    results: sizes.map(() => true),
    code: 4001,
    reason: 'as you wish',
    wasClean: true
  })
  await t.rejects(page.evaluate(converse, { path: '/refused', sizes: [] }), /the socket failed/)
  t.same(versions, ['page 2.0', `socket 2.0 user=me ${origin}`])
  const closed = page.evaluate(async () => {
    const socket = new WebSocket(`wss://${location.host}/echo`, 'two')
    await new Promise((resolve) => { socket.onopen = resolve })
    Object.assign(window, { isOpen: true })
    return await new Promise<number>((resolve) => { socket.onclose = ({ code }) => { resolve(code) } })
  })
  await page.waitForFunction(() => 'isOpen' in window, undefined, PATIENTLY)
  await app.close()
  t.equal(await closed, 1001)
})

t.test('Chromium falls back to HTTP/1.1 for a socket that another listener has there only', options, async (t) => {
  const app = await createHttp2App(t, {}, { secure: true })
  app.get('/', async (_request, reply) => await reply.type('text/html').send('<!doctype html><title>demo</title>'))
  app.ws('/ours', (socket, request) => { socket.send(request.raw.httpVersion) })
  const { WebSocketServer } = await import('ws')
  const theirs = new WebSocketServer({ noServer: true })
  app.server.on('upgrade', (request, socket, head) => {
    if (request.url === '/theirs') {
      theirs.handleUpgrade(request, socket, head, (socket) => { socket.send(request.httpVersion) })
    }
  })
  const page = await openPage(t, await listenHttp2(app))
  const ask = (path: string) => page.evaluate((path) => new Promise<string>((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}${path}`)
    socket.onmessage = ({ data }) => { resolve(data as string); socket.close() }
    socket.onerror = () => { reject(new Error('the socket failed')) }
  }), path)
  t.equal(await ask('/ours'), '2.0')
  t.equal(await ask('/theirs'), '1.1')
})
