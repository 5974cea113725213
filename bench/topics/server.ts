import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '@redis/client'
import { Server } from 'socket.io'

/**
 * One of three processes over one Redis. Arguments: which server, and the URL of Redis. It reports its port, and
 * publishes as its parent says: `count` messages, `rate` a second.
 */

const TOPIC = '/rooms/7'
const TICK = 5

type Publish = (text: string) => unknown

async function startWire (url: string): Promise<{ port: number, publish: Publish }> {
  const { fastify } = await import('fastify')
  const { default: fastifyWire } = await import('../../index.js')
  const { redisEngine } = await import('../../lib/engine/redis.js')
  const { TopicHub } = await import('../../lib/topics/hub.js')
  const { TopicRuleBook } = await import('../../lib/topics/topic-rules.js')
  const fail = (error: unknown): void => { console.error(error) }
  const rules = new TopicRuleBook({ retention: { size: 10_000, ttl: 60_000 }, hasPresence: false })
  const settings = {
    maxTopics: 100, maxTopicLength: 200, liveInterval: 25_000, unusedTopicTimeout: 60_000, lease: 30_000, grace: 5_000
  }
  const hub = new TopicHub(redisEngine({ url }), rules, settings, {
    state (state, error) { if (error !== undefined) console.error(`the engine is ${state}: ${error.message}`) },
    gap (topic) { console.error(`gap in ${topic}`) },
    joined () {},
    left () {},
    failed: fail
  })
  await hub.open()
  const app = fastify()
  await app.register(fastifyWire)
  app.ws(TOPIC, (socket) => {
    hub.attach(socket, { topics: [TOPIC] })
    socket.on('close', () => { hub.detach(socket) })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    port: (app.server.address() as AddressInfo).port,
    publish: (text) => hub.publish(TOPIC, Buffer.from(text), false).catch(fail)
  }
}

async function startSocketIo (url: string, isStreams: boolean): Promise<{ port: number, publish: Publish }> {
  const server = createServer()
  const client = await createClient({ url }).on('error', () => {}).connect()
  const io = new Server(server, isStreams
    ? { connectionStateRecovery: {}, adapter: (await import('@socket.io/redis-streams-adapter')).createAdapter(client) }
    : {
        adapter: (await import('@socket.io/redis-adapter')).createAdapter(
          client, await client.duplicate().on('error', () => {}).connect()
        )
      })
  io.on('connection', (socket) => { socket.join(TOPIC) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { port: (server.address() as AddressInfo).port, publish: (text) => io.to(TOPIC).emit('message', text) }
}

const [kind, url] = process.argv.slice(2) as [string, string]
const { port, publish } = await (kind === 'wire' ? startWire(url) : startSocketIo(url, kind === 'streams'))

process.on('message', ({ count, rate }: { count: number, rate: number }) => {
  const began = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = Math.min(count, Math.floor((performance.now() - began) * rate / 1000))
    for (; sent < due; sent++) {
      publish(`{"at":${(performance.timeOrigin + performance.now()).toFixed(3)},"text":"${'x'.repeat(100)}"}`)
    }
    if (sent === count) clearInterval(timer)
  }, TICK)
})
process.on('disconnect', () => { process.exit() })
process.send!({ port })
