// Every whole application of the documentation, run as it is printed.
import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { InjectError, WireSocket } from '../../index.js'
import { stopClock } from '../fixtures/clock.js'
import { blocksOf, blockWith, isApp, isTest, PAGES } from '../fixtures/docs.js'
import { requireApp, runApp } from '../fixtures/docs-app.js'

process.env['SESSION_SECRET'] = 'a secret of at least thirty-two letters'
process.env['JWT_SECRET'] = 'secret'

const next = async (socket: WireSocket): Promise<string> => String((await once(socket, 'message'))[0])

const closeOf = async (socket: WireSocket): Promise<{ code: number, reason: string }> => {
  const [code, reason] = await once(socket, 'close') as [number, Buffer]
  return { code, reason: String(reason) }
}

/** The status of a handshake. */
const statusOf = (handshake: Promise<WireSocket>): Promise<number> => handshake.then(
  () => 101, ({ statusCode }: InjectError) => statusCode
)

/** The types of @fastify/jwt are those of the documentation. */
interface Signer {
  readonly jwt: { sign (payload: object, options: object): string }
}

const sign = (app: FastifyInstance, expiresIn: string): string =>
  (app as unknown as Signer).jwt.sign({ id: '7', name: 'Ann' }, { expiresIn })

/** What a test has run, so that none is forgotten. */
const seen = new Set<string>()

const app = (page: string, text: string): string => {
  const code = blockWith(page, text)
  seen.add(code)
  return code
}

t.test('the first app of the README serves a page, a resource and its socket', async (t) => {
  const { app: slider, port } = await runApp(t, app('README.md', 'const page'))
  t.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "new WebSocket('/slider')")
  const [ann, bob] = [await slider.injectWS('/slider'), await slider.injectWS('/slider')]
  t.equal(await next(ann), '50')
  t.equal(await next(bob), '50')
  ann.send('70')
  t.equal(await next(bob), '70')
  t.same(await (await fetch(`http://127.0.0.1:${port}/slider`)).json(), { value: '70' })
})

t.test('getting started: the echo, as an ES module and as CommonJS', async (t) => {
  const { app: echo } = await runApp(t, app('docs/getting-started.md', '// echo.mjs'))
  const client = await echo.injectWS('/echo')
  client.send('hello')
  t.equal(await next(client), 'hello')
  const required = await requireApp(t, app('docs/getting-started.md', "require('fastify-wire')"))
  const second = await required.injectWS('/echo')
  second.send('hello')
  t.equal(await next(second), 'hello')
})

t.test('typed messages: JSON Schema, TypeBox and Zod answer what fits, and refuse what does not', async (t) => {
  for (const [text, url, good, answer, bad] of [
    ['JsonSchemaToTsProvider', '/board', { x: 1, y: 2 }, { x: 2, y: 2 }, { x: '1', y: 2 }],
    ['TypeBoxTypeProvider', '/room', { kind: 'move', x: 1 }, { kind: 'move', x: 2 }, { kind: 'move', x: 'one' }],
    ['ZodTypeProvider', '/room', { kind: 'say', text: 'hi' }, { kind: 'say', text: 'HI' }, { kind: 'shout' }]
  ] as const) {
    const { app: typed } = await runApp(t, app('docs/typed-messages.md', text))
    const client = await typed.injectWS(url)
    client.send(JSON.stringify(good))
    t.same(JSON.parse(await next(client)), answer, text)
    client.send(JSON.stringify(bad))
    t.equal((await closeOf(client)).code, 1008, text)
  }
})

t.test('security: a cookie session admits signed-in users', async (t) => {
  const { app: chat } = await runApp(t, app('docs/security.md', '@fastify/session'))
  t.equal(await statusOf(chat.injectWS('/chat')), 401)
  t.equal((await chat.inject('/chat')).statusCode, 401, 'the resource says the same, where a page can read it')
  const { headers } = await chat.inject({ method: 'POST', url: '/login', body: { name: 'Ann' } })
  const cookie = String(headers['set-cookie']).split(';')[0]!
  const [ann, bob] = [
    await chat.injectWS('/chat', { headers: { cookie } }), await chat.injectWS('/chat', { headers: { cookie } })
  ]
  ann.send('hello')
  t.equal(await next(bob), 'Ann: hello')
  t.equal(await statusOf(chat.injectWS('/chat', { headers: { cookie, origin: 'https://evil.example' } })), 403)
})

t.test('security: a JWT in a hook, until it expires', async (t) => {
  const clock = stopClock(t)
  const { app: chat } = await runApp(t, app('docs/security.md', 'await request.jwtVerify() } // what'))
  t.equal(await statusOf(chat.injectWS('/chat')), 401)
  const client = await chat.injectWS('/chat', { headers: { authorization: `Bearer ${sign(chat, '1m')}` } })
  t.equal(await next(client), 'hello Ann')
  const closed = closeOf(client)
  clock.advance(60_000)
  t.equal((await closed).code, 1008, 'it is closed when the token expires')
})

t.test('security: a token in the subprotocol', async (t) => {
  const { app: chat } = await runApp(t, app('docs/security.md', 'extractToken'))
  t.equal(await statusOf(chat.injectWS('/chat', { protocols: ['chat.v1'] })), 400)
  t.equal(await statusOf(chat.injectWS('/chat', { protocols: ['chat.v1', 'bearer.wrong'] })), 401)
  const client = await chat.injectWS('/chat', { protocols: ['chat.v1', `bearer.${sign(chat, '1m')}`] })
  t.equal(await next(client), 'hello Ann')
  t.equal(client.protocol, 'chat.v1', 'the token is not sent back')
})

t.test('security: a token in the first message', async (t) => {
  const { app: chat } = await runApp(t, app('docs/security.md', 'send a token first'))
  const stranger = await chat.injectWS('/chat')
  stranger.send('a guess')
  t.same(await closeOf(stranger), { code: 4401, reason: 'this token is not valid' })
  const [ann, bob] = [await chat.injectWS('/chat'), await chat.injectWS('/chat')]
  for (const client of [ann, bob]) {
    client.send(sign(chat, '1m'))
    t.equal(await next(client), 'hello Ann')
  }
  ann.send('hello')
  t.equal(await next(bob), 'Ann: hello')
})

t.test('security: a ticket is good for one handshake', async (t) => {
  const { app: chat } = await runApp(t, app('docs/security.md', "app.post('/tickets'"))
  t.equal((await chat.inject({ method: 'POST', url: '/tickets' })).statusCode, 401)
  const { ticket } = (await chat.inject({
    method: 'POST', url: '/tickets', headers: { authorization: `Bearer ${sign(chat, '1m')}` }
  })).json() as { ticket: string }
  t.equal(await next(await chat.injectWS(`/chat?ticket=${ticket}`)), 'hello Ann')
  t.equal(await statusOf(chat.injectWS(`/chat?ticket=${ticket}`)), 401)
})

t.test('observability: the metrics of Prometheus', async (t) => {
  const { app: metered } = await runApp(t, app('docs/observability.md', 'prom-client'))
  const client = await metered.injectWS('/echo')
  client.send('hello')
  await next(client)
  await metered.injectWS('/nowhere').catch(() => {})
  const scrape = async (): Promise<string> => (await metered.inject('/metrics')).body
  const first = await scrape()
  for (const line of [
    'websocket_connections{route="/echo"} 1', 'websocket_messages_received_total{route="/echo"} 1',
    'websocket_refusals_total{reason="404"} 1', 'websocket_topic_gaps_total 0', 'websocket_engine_ready 1'
  ]) t.match(first, line)
  t.equal(await scrape(), first, 'a counter that is read again has not grown')
})

t.test('no application of the documentation is left out', async (t) => {
  const elsewhere: ReadonlyArray<readonly [page: string, text: string, where: string]> = [
    ['docs/deployment.md', '// server.js', 'test/docs/proxies.test.ts runs it behind each proxy'],
    ['docs/deployment.md', 'redisEngine', 'test/engine/ runs the engine with a Redis'],
    [
      'docs/deployment.md', 'closeWithGrace',
      'test/packages/ and test/behaviour/shutdown.test.ts run it: it ends its process'
    ]
  ]
  for (const [page, text] of elsewhere) seen.add(blockWith(page, text))
  for (const block of PAGES.flatMap(blocksOf)) {
    if (isApp(block) && !isTest(block)) t.ok(seen.has(block.code), `${block.page}:${block.line}`)
  }
})
