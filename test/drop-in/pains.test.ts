// What hurts users of @fastify/websocket. Each case tells whether it hurts: it must with that plugin, and must not with
// this one.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import httpProxy from '@fastify/http-proxy'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { fastifyWire } from '../../index.js'
import { listen } from '../fixtures/app.js'
import { frame, RawClient, text, upgradeHead } from '../fixtures/client.js'
import { TYPESCRIPT } from '../fixtures/processes.js'

type Plugin = FastifyPluginAsync<object>

// Its types would be merged with ours.
const theirs = createRequire(import.meta.url)('@fastify/websocket') as Plugin

/** @returns whether it hurts */
type Pain = (t: Test, plugin: Plugin) => Promise<boolean>

function createApp (t: Test, options: FastifyServerOptions = {}): FastifyInstance {
  const app = Fastify(options)
  t.teardown(() => app.close())
  return app
}

async function answerOf (
  port: number, method: string, body?: string
): Promise<{ status: number | undefined, text: string }> {
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    path: '/demo',
    method,
    agent: false,
    headers: { connection: 'Upgrade', upgrade: 'h2c', 'content-type': 'text/plain' }
  })
  request.end(body)
  const [response] = await once(request, 'response')
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, text }
}

const pains: Record<string, Pain> = {
  '1: what comes while the handler awaits is lost': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    app.get('/demo', { websocket: true }, async (socket) => {
      await once(socket, 'ping')
      socket.on('message', (data) => { socket.send(data.toString()) })
      socket.send('it listens')
    })
    const client = new RawClient(t, await listen(app))
    client.write(Buffer.concat([Buffer.from(upgradeHead()), text('early'), frame(9)]))
    await client.readHead()
    const texts: string[] = []
    while (texts.at(-1) !== 'late') {
      const { opcode, payload } = await client.readFrame()
      if (opcode === 1) texts.push(payload.toString())
      if (texts.at(-1) === 'it listens') client.write(text('late'))
    }
    client.socket.destroy()
    return !texts.includes('early')
  },

  '2: a listener that throws ends the process': async (_t, plugin) => {
    const script = fileURLToPath(new URL('../fixtures/throwing.ts', import.meta.url))
    const whose = plugin === theirs ? 'theirs' : 'ours'
    return await new Promise((resolve) => {
      execFile(process.execPath, [...TYPESCRIPT, script, whose], (error, stdout) => {
        resolve(error !== null ||
        !stdout.includes('it lives'))
      })
    })
  },

  '3: the close of the application tells no code': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    app.get('/demo', { websocket: true }, () => {})
    const client = new RawClient(t, await listen(app))
    await client.upgrade()
    const closed = app.close()
    const { payload } = await client.readFrame()
    client.socket.destroy()
    await closed
    return payload.length === 0
  },

  '4: an upgrade for @fastify/http-proxy, registered after it, ends in an uncaught error': async (t, plugin) => {
    const upstream = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    upstream.on('connection', (socket) => { socket.send('from upstream') })
    t.teardown(() => { upstream.close() })
    await once(upstream, 'listening')
    const app = createApp(t)
    await app.register(plugin)
    await app.register(httpProxy, {
      upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, prefix: '/proxy', websocket: true
    })
    app.get('/own', { websocket: true }, (socket) => { socket.send('our own') })
    const port = await listen(app)

    // The error that would be uncaught comes out of the server's emit().
    const uncaught = new Promise<boolean>((resolve) => {
      const emit = app.server.emit
      app.server.emit = function (this: typeof app.server, ...args: Parameters<typeof emit>) {
        try {
          return emit.apply(this, args)
        } catch (error) {
          resolve((error as { code?: string }).code === 'ERR_HTTP_SOCKET_ASSIGNED')
          return true
        }
      } as typeof emit
    })
    const client = new WebSocket(`ws://127.0.0.1:${port}/proxy`)
    t.teardown(() => { client.terminate() })
    client.on('error', () => {})
    if (await Promise.race([uncaught, once(client, 'message').then(() => false)])) return true
    const own = new WebSocket(`ws://127.0.0.1:${port}/own`)
    t.teardown(() => { own.terminate() })
    const [data] = await once(own, 'message')
    return String(data) !== 'our own'
  },

  '5: a request with a foreign Upgrade does not get its plain answer': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    app.get('/demo', async () => 'plain')
    app.post('/demo', async (request) => request.body)
    const port = await listen(app)
    const get = await answerOf(port, 'GET')
    return get.text !== 'plain' || (await answerOf(port, 'POST', 'the body')).text !== 'the body'
  },

  '6: an upgrade to a resource without a socket is accepted': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    app.get('/demo', async () => 'plain')
    const client = new RawClient(t, await listen(app))
    return / 101 /.test(await client.upgrade())
  },

  '7: headers and cookies that hooks set are not on the 101': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    app.addHook(
      'onRequest', async (_request, reply) => { reply.header('x-by-hook', 'yes').header('set-cookie', 'sid=42') }
    )
    app.get('/demo', { websocket: true }, () => {})
    const head = await new RawClient(t, await listen(app)).upgrade()
    return !/x-by-hook: yes/i.test(head) || !/set-cookie: sid=42/i.test(head)
  },

  '8: neither onResponse nor the log tells that a socket came and went': async (t, plugin) => {
    const lines: string[] = []
    const app = createApp(t, { logger: { level: 'info', stream: { write (line: string) { lines.push(line) } } } })
    await app.register(plugin)
    let responded = false
    app.addHook('onResponse', async () => { responded = true })
    const closed = new Promise((resolve) => {
      app.get(
        '/demo', { websocket: true }, (socket) => { socket.on('close', resolve) }
      )
    })
    const client = new RawClient(t, await listen(app))
    await client.upgrade()
    client.socket.destroy()
    await closed
    await app.close()
    return !responded || !lines.some((line) => line.includes('request completed')) ||
      !lines.some((line) => line.includes('socket closed'))
  },

  '9: a route declared before the plugin is loaded gets the request in place of a socket': async (t, plugin) => {
    const app = createApp(t)
    app.register(plugin)
    app.get('/demo', { websocket: true }, (socket) => { socket.send('hello') })
    const client = new WebSocket(`ws://127.0.0.1:${await listen(app)}/demo`)
    t.teardown(() => { client.terminate() })
    const refused = new Promise<boolean>((resolve) => { client.on('error', () => { resolve(true) }) })
    return await Promise.race([refused, once(client, 'message').then(([data]) => String(data) !== 'hello')])
  },

  '10: a socket for tests comes with a request that has no address': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    let seen: unknown[] = []
    app.get('/demo', { websocket: true }, (_socket, request) => {
      seen = [
        request.ip, request.socket?.remoteAddress, request.raw.socket === request.socket
      ]
    })
    await app.ready()
    const client = await app.injectWS('/demo', { remoteAddress: '192.0.2.7' })
    client.terminate()
    return JSON.stringify(seen) !== '["192.0.2.7","192.0.2.7",true]'
  },

  '10: a socket for tests cannot pass @fastify/rate-limit': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    await app.register(rateLimit, { max: 1 })
    app.get('/demo', { websocket: true }, () => {})
    await app.ready()
    const attempt = async (remoteAddress: string): Promise<number> => {
      try {
        (await app.injectWS('/demo', { remoteAddress })).terminate()
        return 101
      } catch (error) {
        return (error as { statusCode: number }).statusCode
      }
    }
    return JSON.stringify([
      await attempt('192.0.2.7'), await attempt('192.0.2.7'), await attempt('192.0.2.8')
    ]) !== '[101,429,101]'
  },

  '10: a socket for tests loses what the server sends at open': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    app.get('/demo', { websocket: true }, (socket) => {
      socket.send('early')
      socket.on('message', () => { socket.send('late') })
    })
    await app.ready()
    const client = await app.injectWS('/demo')
    const first = once(client, 'message')
    client.send('go on')
    const [data] = await first
    client.terminate()
    return String(data) !== 'early'
  },

  '11: there are no schemas, broadcasts, metrics or heartbeat': async (t, plugin) => {
    const app = createApp(t)
    await app.register(plugin)
    if (Reflect.get(app, 'ws') === undefined) return true
    const schema = { message: { type: 'object', required: ['x'], properties: { x: { type: 'integer' } } } }
    const received = new Promise((resolve) => {
      app.ws('/demo', { schema, heartbeat: { interval: 10, timeout: 60_000 } }, (socket) => {
        socket.on('message', resolve)
      })
    })
    const client = new RawClient(t, await listen(app))
    await client.upgrade()
    client.write(text('{"x":7}'))
    const message = await received
    const first = await client.readFrame()
    app.websocketServer.broadcast('to all')
    let next = await client.readFrame()
    while (next.opcode === 9) next = await client.readFrame()
    const { total } = app.websocketServer.metrics()
    client.socket.destroy()
    return JSON.stringify([
      message, first.opcode, next.payload.toString(), total.messagesReceived
    ]) !== '[{"x":7},9,"to all",1]'
  }
}

for (const [name, hurts] of Object.entries(pains)) {
  t.test(name, async (t) => {
    t.ok(await hurts(t, theirs), 'with @fastify/websocket')
    t.notOk(await hurts(t, fastifyWire as Plugin), 'not here')
  })
}

t.test('6: a plain GET on a URL with only a socket gets 426 with app.ws(), and 404 on a drop-in route', async (t) => {
  const app = createApp(t)
  await app.register(fastifyWire)
  app.ws('/ours', () => {})
  app.get('/theirs', { websocket: true }, () => {})
  t.equal((await app.inject('/ours')).statusCode, 426)
  t.equal((await app.inject('/theirs')).statusCode, 404)
})

t.test('3: a silent peer delays app.close() by closeTimeout, not by 30 s', async (t) => {
  const app = createApp(t)
  await app.register(fastifyWire, { closeTimeout: 100 })
  app.ws('/demo', () => {})
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  const began = performance.now()
  await app.close()
  t.ok(performance.now() - began < 29_000)
})
