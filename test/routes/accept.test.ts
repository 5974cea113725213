import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import t from 'tap'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient, upgradeHead } from '../fixtures/client.js'
import { LIVE_PROTOCOL } from '../../lib/topics/frames.js'

t.test('verifyClient accepts or refuses a client, synchronously or asynchronously', async (t) => {
  const app = await createApp(t, { origin: true })
  app.ws('/demo', () => {})
  const port = await listen(app)
  const { options } = app.websocketServer
  const ask = async () => {
    const client = new RawClient(t, port)
    client.write(upgradeHead('/demo', { Origin: 'http://a.example' }))
    const head = await client.readHead()
    return head.startsWith('HTTP/1.1 101 ') ? 101 : { head, body: JSON.parse((await client.readEnd()).toString()) }
  }
  options.verifyClient = ({ origin, secure, req }) => origin === 'http://a.example' && !secure && req.url === '/demo'
  t.equal(await ask(), 101)
  options.verifyClient = () => false
  t.match(await ask(), { head: ' 401 ', body: { code: 'FST_WIRE_CLIENT_REFUSED', message: 'Unauthorized' } })
  options.verifyClient = (_info, callback) => { setImmediate(callback, true) }
  t.equal(await ask(), 101)
  options.verifyClient = (_info, answer) => { answer(false, 403, 'not you', { 'X-Why': 'because' }) }
  t.match(await ask(), { head: /^HTTP\/1\.1 403 [^]*x-why: because/i, body: { message: 'not you' } })
  options.verifyClient = (_info, answer) => { answer(false, 499) }
  t.match(await ask(), { head: ' 499 ' })
  // `ws` would take the promise for a yes.
  options.verifyClient = (async () => false) as unknown as typeof options.verifyClient
  t.match(await ask(), { head: ' 401 ' })
  options.verifyClient = (async () => true) as unknown as typeof options.verifyClient
  t.equal(await ask(), 101)
  options.verifyClient = undefined
  t.equal(await ask(), 101)
})

t.test('an error thrown by verifyClient is the error of the request', async (t) => {
  const app = await createApp(t, {
    options: { verifyClient: () => { throw Object.assign(new Error('broken'), { statusCode: 502 }) } }
  })
  app.ws('/demo', () => {})
  const client = new RawClient(t, await listen(app))
  client.write(upgradeHead())
  t.match(await client.readAnswer(), { status: 502, body: { message: 'broken' } })
})

t.test('the option protocols of a route takes precedence over handleProtocols', async (t) => {
  const app = await createApp(t, { options: { handleProtocols: (offered) => offered.has('none') ? false : 'b' } })
  app.ws('/server', () => {})
  app.ws('/list', { protocols: ['a'] }, () => {})
  app.ws('/function', { protocols: () => 'a' }, () => {})
  const later = async (): Promise<string> => { throw new Error('its rejection must not end the process') }
  app.ws('/promise', { protocols: later as unknown as () => string }, () => {})
  const port = await listen(app)
  const ask = async (path: string, protocols?: string) => await new RawClient(t, port).upgrade(path, {
    'Sec-WebSocket-Protocol': protocols
  })
  t.match(await ask('/server', 'a, b'), 'Sec-WebSocket-Protocol: b')
  t.match(await ask('/server', 'c'), ' 500 ')
  t.notMatch(await ask('/server', 'none'), 'Sec-WebSocket-Protocol')
  t.notMatch(await ask('/server'), 'Sec-WebSocket-Protocol')
  t.match(await ask('/list', 'b, a'), 'Sec-WebSocket-Protocol: a')
  t.match(await ask('/function', 'b, a'), 'Sec-WebSocket-Protocol: a')
  t.match(await ask('/promise', 'b, a'), ' 500 ')
})

t.test("a 'headers' listener adds lines to the 101", async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  app.websocketServer.on('headers', (lines, request) => {
    t.match(lines, [
      'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', /^Sec-WebSocket-Accept: /
    ])
    lines.push(`X-Path: ${request.url}`)
  })
  const client = new RawClient(t, await listen(app))
  t.match(
    await client.upgrade(), /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket\r\n[^]*\r\nX-Path: \/demo\r\n/
  )
})

t.test('an error thrown by a connection listener goes to the errorHandler of the route', async (t) => {
  const app = await createApp(t)
  const failed = new Promise((resolve) => {
    app.ws('/demo', {
      errorHandler: function (error, socket) {
        socket.terminate()
        resolve([this === app, error])
      }
    }, () => { t.fail('the handler does not run') })
  })
  const error = new Error('of the listener')
  app.websocketServer.on('connection', () => { throw error })
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  t.same(await failed, [true, error])
})

t.test('a socket is in the set of clients until it closes', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  const connected = once(app.websocketServer, 'connection')
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  const [socket] = await connected
  const closed = once(socket, 'close')
  client.socket.end()
  await closed
  t.equal(app.websocketServer.clients.size, 0)
})

t.test('an upgrade is published before the hooks of its route run', async (t) => {
  const app = await createApp(t)
  const seen: unknown[] = []
  const see = (report: unknown): void => { seen.push(report) }
  subscribe('fastify-wire:upgrade', see)
  t.teardown(() => { unsubscribe('fastify-wire:upgrade', see) })
  app.ws('/demo', { onRequest: async () => { seen.push('hook') } }, () => { seen.push('handler') })
  const client = new RawClient(t, await listen(app))
  await client.upgrade('/demo')
  t.match(seen, [{ requestId: 'req-1', route: '/demo', version: '13', request: { url: '/demo' } }, 'hook', 'handler'])
})

t.test('a hixie client that offers the live subprotocol gets plain messages, and no binary ones', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', { topic: true }, () => {})
  const port = await listen(app)
  const origin = `http://127.0.0.1:${port}`
  const client = new RawClient(t, port)
  client.write(
    `GET /demo HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nOrigin: ${origin}\r\n` +
    `WebSocket-Protocol: ${LIVE_PROTOCOL}\r\n\r\n`)
  const head = await client.readHead()
  t.match(head, ' 101 ')
  t.notMatch(head, LIVE_PROTOCOL)
  await app.topics.publish('/demo', Buffer.of(1))
  await app.topics.publish('/demo', 'hello')
  t.equal((await client.read(7)).toString('latin1'), '\x00hello\xff')
})
