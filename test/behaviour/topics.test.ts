import { once } from 'node:events'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import WebSocket from 'ws'
import { LiveSocket, type LiveSocketOptions } from '../../client/live-socket.mjs'
import type { WireSocket } from '../../index.js'
import { memoryEngine } from '../../lib/engine/memory.js'
import { createApp, listen } from '../fixtures/app.js'
import { stayAwake } from '../fixtures/awake.js'
import { ScriptedEngine, ScriptedPresence } from '../fixtures/scripted-engine.js'

stayAwake(t)

const textOf = async (socket: NodeJS.EventEmitter): Promise<string> => String((await once(socket, 'message'))[0])

const statusOf = (opening: Promise<unknown>): Promise<unknown> => opening.then(
  () => 101, ({ statusCode }: { statusCode: number }) => statusCode
)

/** A LiveSocket that collects its messages, and can wait for one. */
class LivePage {
  readonly socket: LiveSocket
  readonly seen: string[] = []
  #wake: () => void = () => {}

  constructor (url: string, options: LiveSocketOptions = {}) {
    this.socket = new LiveSocket(url, [], { WebSocket: WebSocket as never, minBackoff: 10, maxBackoff: 50, ...options })
    t.teardown(() => { this.socket.close() })
    const note = (what: string): void => {
      this.seen.push(what)
      this.#wake()
    }
    this.socket.onmessage = ({ data }) => { note(String(data)) }
    for (const type of ['gap', 'join', 'leave', 'subscribed'] as const) {
      this.socket.addEventListener(type, (event) => {
        note('member' in event ? `${type} ${event.member.id}` : type)
      })
    }
  }

  async until (what: string): Promise<void> {
    while (!this.seen.includes(what)) await new Promise<void>((resolve) => { this.#wake = resolve })
  }
}

t.test('a socket receives the events of the resource at its URL', async (t) => {
  const app = await createApp(t)
  app.get('/rooms/:id', async (request) => ({ id: (request.params as { id: string }).id }))
  app.ws('/rooms/:id', { topic: true }, (socket) => {
    socket.on('message', (data) => { socket.publish(socket.topic, String(data)).catch(t.fail) })
  })
  app.post(
    '/rooms/:id/messages',
    async (request) => app.topics.publish(`/rooms/${(request.params as { id: string }).id}`, request.body)
  )
  const [me, other, elsewhere] =
    await Promise.all(['/rooms/7?token=x', '/rooms/%37', '/rooms/8'].map((url) => app.injectWS(url)))
  const [mine, others] = [textOf(me!), textOf(other!)]
  elsewhere!.on('message', () => { t.fail('another resource has other events') })
  me!.send('hello')
  t.equal(await others, 'hello')
  const answer = await app.inject({ method: 'POST', url: '/rooms/7/messages', payload: { text: 'posted' } })
  t.match(answer.json(), { cursor: String })
  t.equal(await mine, '{"text":"posted"}', 'the publisher did not get its own message')
  t.match(app.websocketServer.metrics().topics, {
    state: 'ready', topics: 2, subscriptions: 3, published: 2, delivered: 3, gaps: 0
  })
})

t.test('a route names its topics, or chooses them per request', async (t) => {
  const app = await createApp(t)
  const topics: string[][] = []
  const note = (socket: WireSocket): void => { topics.push(socket.topics) }
  app.ws('/one', { topic: 'news' }, note)
  app.ws('/two', { topic: ['news', '/weather/'] }, note)
  app.ws('/of/:user', { topic: (request) => `user:${(request.params as { user: string }).user}` }, note)
  app.ws('/later', { topic: async () => ['a', 'b'] }, note)
  app.ws('/none', note)
  for (const url of ['/one', '/two', '/of/ada', '/later', '/none']) await app.injectWS(url)
  t.same(topics, [['news'], ['news', '/weather/'], ['user:ada'], ['a', 'b'], []])
})

t.test('the handshake is refused if a topic cannot be followed', async (t) => {
  const app = await createApp(t)
  app.ws('/empty', { topic: () => '' }, () => {})
  app.ws('/thrown', {
    topic: async () => { throw Object.assign(new Error('not yours'), { statusCode: 403 }) }
  }, () => {})
  app.ws('/nobody', { topic: true, presence: () => ({ id: '' }) }, () => {})
  app.ws('/both', {
    topic: async () => { throw Object.assign(new Error('not yours'), { statusCode: 403 }) },
    presence: () => { throw new Error('nobody') }
  }, () => {})
  t.equal(await statusOf(app.injectWS('/empty')), 400)
  t.equal(await statusOf(app.injectWS('/thrown')), 403)
  t.equal(await statusOf(app.injectWS('/nobody')), 500)
  // Of two errors the first is the answer, and the other one does not end the process.
  t.equal(await statusOf(app.injectWS('/both')), 403)
})

t.test('the handshake is refused if the functions of a route return no topics or members, or too many', async (t) => {
  const app = await createApp(t, { topics: { maxTopics: 2 } })
  let topic: unknown = []
  let member: unknown
  app.ws('/a', { topic: () => topic as string, presence: () => member as undefined }, () => {})
  const codeOf = (): Promise<unknown> => app.injectWS('/a').then(
    () => 'accepted', ({ body }: { body: string }) => (JSON.parse(body) as { code: string }).code
  )
  t.equal(await codeOf(), 'accepted')
  for (topic of [undefined, null, 7, [7], [['a']], new Set(['a'])]) t.equal(await codeOf(), 'FST_WIRE_TOPIC_NAMES')
  topic = ['a', 'b', 'c']
  t.equal(await codeOf(), 'FST_WIRE_TOPICS')
  topic = ['a', 'b', 'a']
  t.equal(await codeOf(), 'accepted')
  const circle: { id: string, self?: unknown } = { id: 'ada' }
  circle.self = circle
  for (member of [null, 7, {}, { id: '\ud800' }, { id: 'ada', toJSON () {} }, circle]) {
    t.equal(await codeOf(), 'FST_WIRE_MEMBER')
  }
})

t.test('a route cannot be declared with more topics than a socket may follow', async (t) => {
  const app = await createApp(t, { topics: { maxTopics: 2 } })
  t.throws(() => app.ws('/', { topic: ['a', 'b', 'c'] }, () => {}), { code: 'FST_WIRE_TOPICS' })
})

t.test('a route whose topic rejects and whose presence throws answers 500, and leaves no unhandled rejection',
  async (t) => {
    const unhandled: unknown[] = []
    const note = (error: unknown): void => { unhandled.push(error) }
    process.on('unhandledRejection', note)
    t.teardown(() => process.off('unhandledRejection', note))
    const app = await createApp(t)
    const user = undefined as unknown as { id: string }
    app.ws('/a', { topic: async () => user.id, presence: () => ({ id: user.id }) }, () => {})
    t.equal(await statusOf(app.injectWS('/a')), 500)
    await new Promise(setImmediate)
    t.same(unhandled, [])
  })

t.test('a promise of any implementation may name the topics and the member', async (t) => {
  const app = await createApp(t)
  const thenable = <T>(value: T): Promise<T> => ({ then: (resolve: (value: T) => void) => { resolve(value) } }) as never
  app.ws('/a', { topic: () => thenable('a'), presence: () => thenable({ id: 'ada' }) }, () => {})
  app.ws('/b', { topic: 'b', presence: () => thenable({ id: 'ada' }) }, () => {})
  await app.injectWS('/a')
  await app.injectWS('/b')
  for (const topic of ['a', 'b']) t.same(await app.topics.members(topic), [{ id: 'ada' }])
})

t.test('an engine serves one registration at a time', async (t) => {
  const engine = memoryEngine()
  const app = await createApp(t, { engine })
  await t.rejects(createApp(t, { engine }), { code: 'FST_WIRE_ENGINE_USED', message: /memory engine/ })
  await app.close()
  await createApp(t, { engine })
})

t.test('a handler follows and leaves topics', async (t) => {
  const app = await createApp(t)
  app.ws('/', async (socket) => {
    await socket.subscribe('news')
    t.equal(socket.topic, 'news')
    t.ok(socket.isSubscribed('news'))
    socket.on('message', () => {
      socket.unsubscribe('news')
      socket.send(`follows ${socket.topics.length}`)
    })
  })
  const client = await app.injectWS('/')
  const first = textOf(client)
  await app.topics.publish('news', 'one')
  t.equal(await first, 'one')
  client.send('leave')
  t.equal(await textOf(client), 'follows 0')
})

t.test('a value is serialized by the schema of the route at the URL of its topic, without any client', async (t) => {
  const app = await createApp(t)
  const send = { type: 'object', properties: { x: { type: 'integer' } } }
  await app.register(async (app) => {
    app.ws('/points/:id', { topic: true, schema: { send } }, () => {})
  }, { prefix: '/v1' })
  await app.ready()
  const texts: string[] = []
  await app.topics.subscribe('/v1/points/1', (data) => { texts.push(String(data)) })
  await app.topics.publish('/v1/points/1', { x: 1, secret: 'not in the schema' })
  t.same(texts, ['{"x":1}'])
  await t.rejects(app.topics.publish('/v1/points/1', null), { code: 'FST_WIRE_SEND_SCHEMA' })
})

t.test('a value is published before the application is ready only if its serializer can be compiled', async (t) => {
  const app = await createApp(t)
  const send = { $ref: 'point#' }
  app.ws('/points/:id', { topic: true, schema: { send } }, () => {})
  app.ws('/own/:id', {
    topic: true, schema: { send }, serializerCompiler: ({ httpStatus }) => (value) => `${httpStatus} ${String(value)}`
  }, () => {})
  app.ws('/broken', {
    topic: true, schema: { send }, serializerCompiler: () => { throw new Error('not a schema') }
  }, () => {})
  const texts: string[] = []
  for (const topic of ['/points/1', '/own/1']) {
    await app.topics.subscribe(topic, (data) => { texts.push(`${topic} ${String(data)}`) })
  }
  await t.rejects(app.topics.publish('/points/1', { x: 1, y: 2 }), {
    code: 'FST_WIRE_NOT_READY', message: /schema\.send of \/points\/:id .* after app\.ready\(\)/
  })
  await app.topics.publish('/points/1', '{"x":0}', { binary: false })
  await app.topics.publish('/own/1', 'a')
  await t.rejects(app.topics.publish('/broken', 'a'), {
    code: 'FST_WIRE_SCHEMA', message: /^schema\.send of \/broken cannot be compiled: not a schema/
  })
  t.same(texts, ['/points/1 {"x":0}', '/own/1 101 a'])
})

t.test('a value that an onReady hook publishes is serialized by schemas and compilers that were set after the route',
  async (t) => {
    const app = await createApp(t)
    const texts: string[] = []
    app.addHook('onReady', async () => { await app.topics.publish('/points/1', { x: 1, y: 2 }) })
    app.ws('/points/:id', { topic: true, schema: { send: { $ref: 'point#' } } }, () => {})
    app.addSchema({ $id: 'point', type: 'object', properties: { x: { type: 'integer' } } })
    await app.topics.subscribe('/points/1', (data) => { texts.push(String(data)) })
    await app.ready()
    t.same(texts, ['{"x":1}'])
  })

t.test('a value is serialized by the compiler of its route, also before the first handshake', async (t) => {
  const app = await createApp(t)
  app.get('/other', { schema: { response: { 200: { type: 'object' } } } }, () => ({}))
  app.ws('/own/:id', {
    topic: true, schema: { send: {} }, serializerCompiler: () => (value) => `own ${String(value)}`
  }, (socket) => { socket.send('b') })
  await app.ready()
  const texts: string[] = []
  await app.topics.subscribe('/own/1', (data) => { texts.push(String(data)) })
  await app.topics.publish('/own/1', 'a')
  t.same(texts, ['own a'])
  t.equal(await textOf(await app.injectWS('/own/1')), 'own b')
})

t.test('a socket at the root of a prefix has the rules of its topic, with and without the slash', async (t) => {
  const app = await createApp(t)
  const schema = { send: { type: 'object', properties: { x: { type: 'integer' } } } }
  await app.register(async (app) => {
    app.ws('/', { topic: true, schema }, () => {})
  }, { prefix: '/both' })
  await app.register(async (app) => {
    app.get('/', { websocket: true, topic: true, schema } as object, () => {})
  }, { prefix: '/drop-in' })
  await app.register(async (app) => {
    app.ws('/', { topic: true, schema, prefixTrailingSlash: 'no-slash' }, () => {})
  }, { prefix: '/one' })
  await app.ready()
  const texts: string[] = []
  for (const topic of ['/both', '/both/', '/drop-in', '/drop-in/', '/one', '/one/']) {
    await app.topics.subscribe(topic, (data) => { texts.push(`${topic} ${String(data)}`) })
    await app.topics.publish(topic, { x: 1, y: 2 })
  }
  t.same(texts, [
    '/both {"x":1}', '/both/ {"x":1}', '/drop-in {"x":1}', '/drop-in/ {"x":1}', '/one {"x":1}', '/one/ {"x":1,"y":2}'
  ])
})

t.test('a client of the live subprotocol resumes at its cursor after a restart of the server', async (t) => {
  const engine = new ScriptedEngine()
  const serve = async (port = 0) => {
    const app = await createApp(t, { engine })
    app.ws('/rooms/:id', { topic: true, protocols: ['chat.v1'] }, (socket) => {
      t.equal(socket.protocol, '', 'the application has its own')
      socket.on('message', (data) => { socket.send(`echo ${String(data)}`) })
    })
    await app.listen({ port, host: '127.0.0.1' })
    return app
  }
  const first = await serve()
  const port = (first.server.address() as { port: number }).port
  const page = new LivePage(`ws://127.0.0.1:${port}/rooms/7`)
  await page.until('subscribed')
  await first.topics.publish('/rooms/7', 'one')
  await page.until('one')
  page.socket.send('hello')
  await page.until('echo hello')
  page.socket.send('\0nul')
  await page.until('echo \0nul')
  await first.close()
  engine.acceptText('/rooms/7', 'while the server was away')
  const second = await serve(port)
  await page.until('while the server was away')
  await second.topics.publish('/rooms/7', 'two')
  await page.until('two')
  t.same(page.seen.filter((text) => !text.startsWith('echo')), [
    'subscribed', 'one', 'subscribed', 'while the server was away', 'two'
  ])
})

t.test('a member joins once, and leaves when its last socket closes', async (t) => {
  const app = await createApp(t, { topics: { grace: 0 } })
  app.ws('/rooms/:id', {
    topic: true,
    presence: (request) => ({ id: (request.query as { name: string }).name })
  }, () => {})
  const port = await listen(app)
  const url = `ws://127.0.0.1:${port}/rooms/7`
  const page = new LivePage(`${url}?name=ada`)
  await page.until('subscribed')
  const [first, second] = [await app.injectWS('/rooms/7?name=ben'), await app.injectWS('/rooms/7?name=ben')]
  await page.until('join ben')
  t.same((await app.topics.members('/rooms/7')).map(({ id }) => id).sort(), ['ada', 'ben'])
  first.terminate()
  second.terminate()
  await page.until('leave ben')
  t.equal(page.seen.filter((text) => text === 'join ben').length, 1)
})

t.test('topics that a function chooses have the members of their route, and the history of the plugin', async (t) => {
  const app = await createApp(t, { history: { size: 1 } })
  app.ws('/of/:user', {
    topic: (request) => (request.params as { user: string }).user,
    presence: (request) => (request.query as { name?: string }).name === undefined ? undefined : { id: 'ben' }
  }, () => {})
  app.ws('/late', (socket) => { socket.on('message', () => { socket.subscribe('ada').catch(t.fail) }) })
  const port = await listen(app)
  const page = new LivePage(`ws://127.0.0.1:${port}/of/ada`)
  const members: unknown[] = []
  page.socket.onsubscribed = (event) => { members.push(event.members) }
  await page.until('subscribed')
  await app.injectWS('/of/ada?name=ben')
  await page.until('join ben')
  t.same(members, [[]], 'also for a socket that is no member')
  t.same(await app.topics.members('ada'), [{ id: 'ben' }])
  for (const text of ['one', 'two']) await app.topics.publish('ada', text)
  t.match((await app.topics.history('ada')).messages.map(({ data }) => String(data)), ['two'])
})

t.test('a member id may be a number, which equals the same id as a string', async (t) => {
  const app = await createApp(t)
  app.ws('/a', { topic: true, presence: ({ query }) => ({ ...query as object, id: 7 }) }, () => {})
  app.ws('/b', { topic: '/a', presence: () => ({ id: '7' }) }, () => {})
  await app.injectWS('/a?name=ada')
  await app.injectWS('/b')
  t.same(await app.topics.members('/a'), [{ id: '7', name: 'ada' }])
})

t.test('a member has its id, also if its class inherits it', async (t) => {
  class User {
    readonly name = 'ada'
    get id (): number { return 7 }
  }
  const app = await createApp(t)
  app.ws('/a', { topic: true, presence: () => new User() }, () => {})
  await app.injectWS('/a')
  t.same(await app.topics.members('/a'), [{ id: '7', name: 'ada' }])
})

t.test('errors of listeners of app.topics are logged, and all other listeners are called', async (t) => {
  const engine = new ScriptedEngine(new ScriptedPresence())
  const lines: Array<{ msg: string, err: { message: string } }> = []
  const app = await createApp(t, { engine }, {
    logger: { level: 'error', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } }
  })
  app.ws('/a', { topic: true, presence: () => ({ id: 'me' }) }, () => {})
  const page = new LivePage(`ws://127.0.0.1:${await listen(app)}/a`)
  await page.until('subscribed')
  app.topics.on('join', () => { throw new Error('of join') })
  app.topics.on('leave', async () => { throw new Error('of leave') })
  app.topics.on('state', () => { throw new Error('of state') })
  engine.events.joined('/a', { id: 'ben', info: '{"id":"ben"}' })
  engine.events.left('/a', { id: 'ben', info: '{"id":"ben"}' })
  engine.events.state('down')
  await page.until('leave ben')
  t.same(lines.map(({ msg, err }) => `${msg}: ${err.message}`).sort(), [
    'a listener of app.topics failed: of join', 'a listener of app.topics failed: of leave',
    'a listener of app.topics failed: of state'
  ])
})

t.test('background errors of the engine are logged', async (t) => {
  const engine = new ScriptedEngine()
  const lines: string[] = []
  const app = await createApp(t, { engine }, {
    logger: { level: 'error', stream: { write: (line: string) => { lines.push(line) } } }
  })
  app.ws('/a', { topic: true }, () => {})
  engine.events.state('down')
  engine.failure = new Error('no connection')
  await app.injectWS('/a')
  engine.failure = undefined
  t.match(lines.map((line) => JSON.parse(line) as object), [
    { msg: 'an operation on topics failed', err: { message: 'no connection' } }
  ])
})

t.test('a process of a cluster is warned once that its topics are local, unless it has an engine', async (t) => {
  const warningsOf = async (options: object): Promise<string[]> => {
    const lines: string[] = []
    const app = await createApp(t, options, {
      logger: { level: 'warn', stream: { write: (line: string) => { lines.push(line) } } }
    })
    t.same(lines, [], 'nobody publishes yet')
    await app.topics.publish('a', 1)
    await app.topics.publish('a', 2)
    return lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
  }
  t.same(await warningsOf({}), [])
  t.intercept(process, 'env', { value: { ...process.env, instances: '2' } })
  const warning = 'topics reach only the sockets of this process, but there are several processes: ' +
    'set the option engine of fastify-wire'
  t.same(await warningsOf({}), [warning])
  t.same(await warningsOf({ engine: new ScriptedEngine() }), [])
})

t.test('messages that begin with NUL reach live clients unchanged, by send() and by broadcast', async (t) => {
  const app = await createApp(t)
  app.ws('/', (socket) => { socket.on('message', () => { socket.send('\0sent') }) })
  const page = new LivePage(`ws://127.0.0.1:${await listen(app)}/`)
  page.socket.send('please')
  await page.until('\0sent')
  app.websocketServer.broadcast('\0to all')
  await page.until('\0to all')
})

t.test('a gap is reported to clients, in the log, to topic listeners and on a diagnostics channel', async (t) => {
  const engine = new ScriptedEngine()
  const lines: string[] = []
  const app = await createApp(t, { engine }, {
    logger: { level: 'warn', stream: { write: (line: string) => { lines.push(line) } } }
  })
  app.ws('/a', { topic: true }, () => {})
  const page = new LivePage(`ws://127.0.0.1:${await listen(app)}/a`)
  await page.until('subscribed')
  const gaps: unknown[] = []
  const note = (report: unknown): void => { gaps.push(report) }
  subscribe('fastify-wire:gap', note)
  t.teardown(() => { unsubscribe('fastify-wire:gap', note) })
  app.topics.on('gap', (topic) => { gaps.push(topic) })
  engine.acceptText('/a', 'lost')
  const kept = engine.acceptText('/a', 'kept')
  engine.forget('/a', 1)
  engine.deliver('/a', kept)
  await page.until('gap')
  await page.until('kept')
  t.same(gaps, [{ topic: '/a', cursor: 'c1' }, '/a'])
  t.match(lines.join(''), /messages of a topic were lost/)
  engine.events.state('down', new Error('connection lost'))
  t.equal(app.topics.state, 'down')
  t.match(lines.join(''), /the topic engine is down/)
})

t.test('an invalid option is refused with the valid values', async (t) => {
  await t.rejects(createApp(t, { engine: {} as never }), { code: 'FST_WIRE_OPTION', message: /redisEngine/ })
  await t.rejects(createApp(t, { topics: { maxTopics: 0 } }), { code: 'FST_WIRE_OPTION' })
  const app = await createApp(t)
  t.throws(() => app.ws('/', { topic: 7 as never }, () => {}), { code: 'FST_WIRE_OPTION', message: /topic/ })
  t.throws(() => app.ws('/', { topic: true, presence: true as never }, () => {}), { code: 'FST_WIRE_OPTION' })
  t.throws(() => app.ws('/', { topic: true, history: { size: -1 } }, () => {}), { code: 'FST_WIRE_OPTION' })
  t.throws(() => app.ws('/', { engine: {} } as never, () => {}), { code: 'FST_WIRE_ROUTE_OPTION' })
})
