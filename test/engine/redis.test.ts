import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import t, { type Test } from 'tap'
import { redisEngine } from '../../lib/engine/redis.js'
import { redisProgram, startRedis } from '../fixtures/redis-server.js'
import { fakeClient, FakeRedisCluster, goodReply, type FakeRedis } from '../fixtures/fake-redis.js'
import { SubscriptionTurns } from '../../lib/engine/redis-subscription.js'
import { Recorder, publication, texts, until } from './recorder.js'
import { engineContract } from './contract.js'

if (redisProgram === null && process.env.CI !== 'true') {
  t.plan(0, 'redis-server is not installed: apt-get install redis-server')
  process.exit()
}

const server = await startRedis()
t.teardown(() => server.stop())

t.test('the Redis engine passes the engine contract', async (t) => {
  engineContract((name, body) => t.test(name, body), {
    engine: () => redisEngine({ url: server.url }),
    unreachable: () => redisEngine({ url: 'redis://127.0.0.1:1', publishTimeout: 200 })
  })
})

const KEEP = { size: 100, ttl: 60_000 }

async function open (
  t: Test, options: Parameters<typeof redisEngine>[0]
): Promise<{ engine: ReturnType<typeof redisEngine>, events: Recorder }> {
  const engine = redisEngine(options)
  const events = new Recorder()
  t.teardown(() => engine.close())
  await engine.open(events)
  return { engine, events }
}

t.test('a given client is duplicated with its options, and not used itself', async (t) => {
  const client = await createClient({ url: server.url }).connect()
  t.teardown(() => { client.destroy() })
  const { engine, events } = await open(t, { client })
  await engine.subscribe('ready client')
  await engine.publish('ready client', publication('a'), KEEP)
  t.strictSame(texts(await events.messages('ready client', 1)), ['a'])
  await engine.close()
  t.equal(await client.ping(), 'PONG')
})

t.test('a silent server is disconnected, and everything is recovered when it answers again', async (t) => {
  const own = await startRedis()
  t.teardown(() => own.stop())
  const { engine, events } = await open(t, { url: own.url, pingInterval: 50 })
  await engine.subscribe('silent')
  own.freeze()
  await t.rejects(engine.read('silent', undefined, 10), { code: 'FST_WIRE_ENGINE_DOWN' })
  await events.reported('down', 1)
  const publishing = engine.publish('silent', publication('a'), KEEP)
  own.thaw()
  await publishing
  await events.reported('ready', 2)
  await engine.publish('silent', publication('b'), KEEP)
  t.strictSame(texts((await engine.read('silent', undefined, 10)).messages), ['a', 'b'])
  await events.when(() => texts(events.delivered('silent')).includes('b'), () => 'b')
})

t.test('scripts that the server has forgotten are sent again', async (t) => {
  const client = await createClient({ url: server.url }).connect()
  t.teardown(() => { client.destroy() })
  const { engine, events } = await open(t, { url: server.url })
  await engine.subscribe('scripts')
  for (const text of ['a', 'b', 'c']) {
    await engine.publish('scripts', publication(text), KEEP)
    await client.sendCommand(['SCRIPT', 'FLUSH'])
  }
  await engine.subscribe('scripts')
  t.strictSame(texts(await events.messages('scripts', 3)), ['a', 'b', 'c'])
})

t.test('publishing a message that the server refuses rejects at once', async (t) => {
  const client = await createClient({ url: server.url }).connect()
  t.teardown(() => { client.destroy() })
  const { engine } = await open(t, { url: server.url, prefix: 'mine:' })
  await client.set('mine:{wrong}', 'not a stream')
  await t.rejects(engine.publish('wrong', publication('a'), KEEP), {
    code: 'FST_WIRE_ENGINE_REFUSED', message: /WRONGTYPE/
  })
  await t.rejects(engine.read('wrong', undefined, 10), /WRONGTYPE/)
})

t.test('messages wait while the server has too few replicas, or cannot save to disk', async (t) => {
  const client = await createClient({ url: server.url }).connect()
  t.teardown(() => { client.destroy() })
  const set = (name: string, value: string): Promise<unknown> => client.sendCommand(['CONFIG', 'SET', name, value])
  const info = async (section: string): Promise<string> => String(await client.sendCommand(['INFO', section]))
  const { engine } = await open(t, { url: server.url })
  const refused = async (code: string): Promise<void> => {
    await until(async () => (await info('errorstats')).includes(`errorstat_${code}`))
  }
  const publish = (text: string): Promise<unknown> => engine.publish('waiting', publication(text), KEEP)
  await publish('a')

  await set('min-replicas-to-write', '1')
  const withoutReplicas = [publish('b'), publish('c')]
  await refused('NOREPLICAS')
  const impatient = await open(t, { url: server.url, publishTimeout: 100 })
  await t.rejects(impatient.engine.publish('waiting', publication('never'), KEEP), {
    code: 'FST_WIRE_PUBLISH_TIMEOUT', cause: { message: /^NOREPLICAS/ }
  })
  await set('min-replicas-to-write', '0')
  await Promise.all(withoutReplicas)

  // In the place of the file that the server has to replace.
  const folder = join(server.folder, 'dump.rdb')
  const save = async (status: string): Promise<void> => {
    await client.sendCommand(['BGSAVE'])
    await until(async () => {
      const state = await info('persistence')
      return state.includes('rdb_bgsave_in_progress:0') && state.includes(`rdb_last_bgsave_status:${status}`)
    })
  }
  mkdirSync(folder)
  await set('save', '3600 1000000')
  await save('err')
  const withoutDisk = [publish('d'), publish('e')]
  await refused('MISCONF')
  rmdirSync(folder)
  await save('ok')
  await set('save', '')
  await Promise.all(withoutDisk)
  t.strictSame(texts((await engine.read('waiting', undefined, 10)).messages), ['a', 'b', 'c', 'd', 'e'])
})

t.test('the keys of a topic expire, and prefixes separate applications', async (t) => {
  const client = await createClient({ url: server.url }).connect()
  t.teardown(() => { client.destroy() })
  const { engine } = await open(t, { url: server.url, prefix: 'apart:' })
  const other = await open(t, { url: server.url, prefix: 'other:' })
  await engine.publish('a}b', publication('a'), { size: 10, ttl: 60_000 })
  t.equal((await other.engine.read('a}b', undefined, 10)).messages.length, 0)
  const keys = (await client.keys('apart:*')).sort()
  t.equal(keys.length, 3)
  for (const key of keys) t.ok(await client.pTTL(key) > 0, key)
})

t.test('an unsubscription while the server is down is repeated when it is back', async (t) => {
  const own = await startRedis()
  t.teardown(() => own.stop())
  const { engine, events } = await open(t, { url: own.url })
  await engine.subscribe('gone')
  await engine.subscribe('kept')
  await own.kill()
  await events.reported('down', 1)
  await engine.unsubscribe('gone')
  await t.rejects(engine.subscribe('new'), { code: 'FST_WIRE_ENGINE_DOWN' })
  await t.rejects(engine.presence!.members('kept'), { code: 'FST_WIRE_ENGINE_DOWN' })
  await engine.presence!.join('kept', { id: 'ann', info: '{}' }, 60_000)
  await own.start()
  await events.reported('ready', 2)
  t.strictSame(await events.presence('kept', 1), ['+ann{}'])
  const client = await createClient({ url: own.url }).connect()
  t.teardown(() => { client.destroy() })
  await until(async () => {
    const channels = (await client.sendCommand(['PUBSUB', 'SHARDCHANNELS']) as string[]).join()
    return channels === 'wire:{kept}'
  })
  t.pass('only what is followed is subscribed')
})

t.test('members that a server has lost join again', async (t) => {
  const client = await createClient({ url: server.url }).connect()
  t.teardown(() => { client.destroy() })
  const { engine, events } = await open(t, { url: server.url, prefix: 'lost:' })
  await engine.subscribe('t')
  await engine.presence!.join('t', { id: 'ann', info: '{}' }, 300)
  await client.del(await client.keys('lost:*'))
  t.strictSame(await events.presence('t', 2), ['+ann{}', '+ann{}'])
})

t.test('invalid options are refused', async (t) => {
  t.throws(() => redisEngine({ prefix: '{a}' }), { code: 'FST_WIRE_OPTION' })
  t.throws(() => redisEngine({ pingInterval: 0 }), { code: 'FST_WIRE_OPTION' })
  t.throws(() => redisEngine({ publishTimeout: 0 }), { code: 'FST_WIRE_OPTION' })
  t.throws(() => redisEngine({ url: 'redis://a', client: createClient() }), { code: 'FST_WIRE_OPTION' })
  const engine = redisEngine({ url: server.url.replace('://', '://nobody:wrong@') })
  await t.rejects(engine.open(new Recorder()), { code: 'FST_WIRE_ENGINE_UNSUITABLE', message: /WRONGPASS/ })
})

t.test('a server that is too old is refused with its version', async (t) => {
  const { client, connections } = fakeClient(() => 'redis_version:6.2.14\r\nredis_mode:standalone')
  await t.rejects(redisEngine({ client }).open(new Recorder()), {
    code: 'FST_WIRE_ENGINE_UNSUITABLE', message: /version is 6\.2\.14, but sharded .* requires 7\.0/
  })
  t.strictSame(connections.map(({ destroyed }) => destroyed), [1, 1], 'its connections are let go')
})

t.test('a server that does not report its version is used', async (t) => {
  const { client } = fakeClient(([command]) => {
    if (command === 'INFO') throw new Error('NOPERM this user has no permissions to run the \'info\' command')
    return ['1-0']
  })
  const { engine } = await open(t, { client })
  t.match((await engine.publish('t', publication('a'), KEEP)).cursor, /^1-0\./)
})

t.test('a subscription whose topic cannot be read ends, and late messages of its channel are ignored', async (t) => {
  let isWrong = true
  const { client, connections } = fakeClient((args) => {
    if (args[0] === 'EVALSHA' && isWrong) {
      throw new Error('WRONGTYPE Operation against a key holding the wrong kind of value')
    }
    return goodReply(args)
  })
  const { engine, events } = await open(t, { client })
  const subscriber = connections[1]!
  const subscribing = engine.subscribe('t')
  const listener = subscriber.channels.get('wire:{t}')!
  await t.rejects(subscribing, /WRONGTYPE/)
  t.equal(subscriber.channels.size, 0)
  listener(Buffer.from('+["ann","{}"]'))
  isWrong = false
  await engine.subscribe('t')
  listener(Buffer.from('+["bob","{}"]'))
  subscriber.channels.get('wire:{t}')!(Buffer.from('+["eve","{}"]'))
  t.strictSame(await events.presence('t', 1), ['+eve{}'])
})

t.test('subscriptions that were under way when the connection broke are made again, and receive messages', async (t) => {
  const own = await startRedis()
  t.teardown(() => own.stop())
  const { engine, events } = await open(t, { url: own.url, pingInterval: 100 })
  const topics = ['a', 'b', 'c']
  own.freeze()
  const failures = topics.map((topic) => t.rejects(engine.subscribe(topic), { code: 'FST_WIRE_ENGINE_DOWN' }))
  await Promise.all(failures)
  const readied = events.reported('ready', events.states.filter((state) => state === 'ready').length + 1)
  own.thaw()
  await readied
  // A machine that is slow may have the connection break again.
  await Promise.all(topics.map((topic) => until(() => engine.subscribe(topic).then(() => true, () => false))))
  for (const topic of topics) {
    await until(async () => {
      await engine.publish(topic, publication(`to ${topic}`), KEEP)
      return events.delivered(topic).length > 0
    })
    t.equal(texts(events.delivered(topic))[0], `to ${topic}`)
  }
})

t.test('a subscription that failed is not ended at the server, one that comes late is', async (t) => {
  const { client, connections } = fakeClient(goodReply)
  const { engine } = await open(t, { client })
  const [commands, subscriber] = connections as [FakeRedis, FakeRedis]
  const ended: string[] = []
  const answers: Array<{ resolve (): void, reject (error: Error): void }> = []
  subscriber.sSubscribe = () => new Promise((resolve, reject) => { answers.push({ resolve, reject }) })
  subscriber.sUnsubscribe = async (channel) => { ended.push(channel) }
  const failed = t.rejects(engine.subscribe('failed'), { code: 'FST_WIRE_ENGINE_DOWN' })
  const late = t.rejects(engine.subscribe('late'), { code: 'FST_WIRE_ENGINE_DOWN' })
  commands.isReady = false
  commands.emit('error', new Error('lost'))
  await Promise.all([failed, late])
  answers[0]!.reject(new Error('lost'))
  await commands.connect()
  answers[1]!.resolve()
  await until(async () => ended.length > 0)
  t.strictSame(ended, ['wire:{late}'])
  const closed = t.rejects(engine.subscribe('overtaken'), { code: 'FST_WIRE_ENGINE_CLOSED' })
  engine.subscribe('left').catch(() => {})
  const left = engine.unsubscribe('left')
  await engine.close()
  answers[2]!.resolve()
  answers[3]!.resolve()
  await Promise.all([closed, left])
  t.equal(ended.length, 1, 'nothing is ended of a connection that is closed')
})

t.test('an unsubscription that fails is made good when the connection is back', async (t) => {
  const { client, connections } = fakeClient(goodReply)
  const { engine } = await open(t, { client })
  const [commands, subscriber] = connections as [FakeRedis, FakeRedis]
  await engine.subscribe('t')
  const unsubscribe = subscriber.sUnsubscribe.bind(subscriber)
  subscriber.sUnsubscribe = () => Promise.reject(new Error('lost'))
  await engine.unsubscribe('t')
  subscriber.sUnsubscribe = unsubscribe
  t.equal(subscriber.channels.size, 1)
  commands.isReady = false
  commands.emit('error', new Error('lost'))
  await commands.connect()
  await until(async () => subscriber.channels.size === 0)
})

t.test('subscribing waits for what is being unsubscribed, and the other way round', async (t) => {
  const turns = new SubscriptionTurns()
  const begun: string[] = []
  const end: Array<() => void> = []
  const run = (kind: 'subscribe' | 'unsubscribe', name: string): Promise<void> => turns.run(kind, () => {
    begun.push(name)
    return new Promise<void>((resolve) => { end.push(resolve) })
  })
  const runs = [run('subscribe', 'a'), run('subscribe', 'b'), run('unsubscribe', 'c'), run('subscribe', 'd')]
  t.strictSame(begun, ['a', 'b'])
  end[0]!()
  await runs[0]
  t.strictSame(begun, ['a', 'b'])
  end[1]!()
  await until(async () => begun.length > 2)
  t.strictSame(begun, ['a', 'b', 'c'])
  end[2]!()
  await until(async () => begun.length > 3)
  t.strictSame(begun, ['a', 'b', 'c', 'd'])
  end[3]!()
  await Promise.all(runs)
  await t.rejects(turns.run('unsubscribe', () => Promise.reject(new Error('lost'))), /lost/)
  await turns.run('subscribe', async () => {})
})

t.test('a given cluster is duplicated with its own socket options and those of the engine', async (t) => {
  const cluster = new FakeRedisCluster(goodReply)
  await open(t, { client: cluster })
  t.match(cluster.overrides, { defaults: { socket: { tls: true, socketTimeout: 9_000 } } })
})

t.test('the history is read after subscriptions of a cluster were lost, but not while a node is down', async (t) => {
  const cluster = new FakeRedisCluster(goodReply)
  const { events } = await open(t, { client: cluster })
  const node = { host: 'a', port: 1 }
  const other = { host: 'b', port: 2 }
  cluster.emit('node-error', new Error('lost'), node)
  cluster.emit('node-ready', node)
  t.strictSame(events.states, ['ready', 'down', 'ready'])
  cluster.emit('node-ready', node)
  t.strictSame(events.states.slice(3), ['down', 'ready'])
  cluster.emit('node-error', new Error('lost'), other)
  cluster.emit('node-ready', node)
  t.strictSame(events.states.slice(5), ['down'])
})

t.test('cluster nodes receive the script again after the list of their topics was cleared', async (t) => {
  const sent = new Map<string, string[]>()
  const cluster = new FakeRedisCluster((args) => {
    const [command, , , stream] = args as [string, string, string, string]
    sent.set(stream, [...sent.get(stream) ?? [], command])
    return goodReply(args)
  })
  const { engine } = await open(t, { client: cluster })
  const publish = async (topic: string): Promise<void> => { await engine.publish(topic, publication('x'), KEEP) }
  await publish('first')
  await publish('first')
  for (let i = 0; i < 10_000; i++) await publish(`t${i}`)
  await publish('first')
  t.strictSame(sent.get('wire:{first}'), ['EVAL', 'EVALSHA', 'EVAL'])
})

t.test('an error names the missing package of the client', async (t) => {
  const missing = {}
  Object.defineProperty(missing, 'createClient', {
    enumerable: true, get: () => { throw new Error('Cannot find package') }
  })
  const {
    createRedisLink
  } = await t.mockImport<typeof import('../../lib/engine/redis-clients.js')>('../../lib/engine/redis-clients.js', {
    '@redis/client': missing
  })
  await t.rejects(createRedisLink({}), {
    code: 'FST_WIRE_ENGINE_PACKAGE', message: /@redis\/client/, cause: { message: 'Cannot find package' }
  })
})

t.test('a pending read rejects when the engine is closed', async (t) => {
  let fail = (): void => {}
  const { client } = fakeClient((args) => {
    if (args[0] !== 'XREVRANGE') return goodReply(args)
    return new Promise((_resolve, reject) => { fail = () => { reject(new Error('the client is closed')) } })
  })
  const { engine } = await open(t, { client })
  const reading = engine.read('t', undefined, 10)
  await engine.close()
  fail()
  await t.rejects(reading, { code: 'FST_WIRE_ENGINE_CLOSED' })
})

t.test('batches keep their order if a server refuses the first and accepts the next', async (t) => {
  const client = await createClient({ url: server.url }).connect()
  t.teardown(() => { client.destroy() })
  let refused = 0
  // As a server that has just loaded its data.
  const loading = {
    duplicate: (overrides: object) => {
      const own = createClient({ ...client.options, ...overrides } as object)
      const send = own.sendCommand.bind(own)
      own.sendCommand = ((args: string[], ...rest: []) => {
        // The script that publishes has four keys, and is known by its digest from the second time on.
        if (args[0] !== 'EVALSHA' || args[2] !== '4' || refused++ > 0) return send(args, ...rest)
        return Promise.reject(new Error('LOADING Redis is loading the dataset in memory'))
      }) as typeof own.sendCommand
      return own
    }
  }
  const { engine, events } = await open(t, { client: loading })
  await engine.publish('order', publication('before'), KEEP)
  await engine.subscribe('order')
  // Too large to be sent together.
  const texts = ['1', '2', '3'].map((digit) => digit + 'x'.repeat(100_000))
  await Promise.all(texts.map((text) => engine.publish('order', publication(text), KEEP)))
  t.ok(refused > 1)
  const messages = await events.messages('order', 3)
  t.strictSame(messages.map(({ data }) => data.toString()[0]), ['1', '2', '3'])
})

t.test('an engine that was closed cannot be opened again', async (t) => {
  const engine = redisEngine()
  await engine.close()
  await t.rejects(engine.open(new Recorder()), { code: 'FST_WIRE_ENGINE_USED' })
})
