import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '@redis/client'
import { Server } from 'socket.io'

/**
 * One of three processes over one Redis. Arguments: the kind of server, and the URL of Redis. It reports its port, and
 * publishes `count` messages at `rate` per second when its parent orders it.
 */

const TOPIC = '/rooms/7'
const TICK = 5

type Publish = (text: string) => unknown

async function startWire (url: string): Promise<{ port: number, publish: Publish }> {
  const { fastify } = await import('fastify')
  const { default: fastifyWire } = await import('../../index.js')
  const { redisEngine } = await import('../../lib/engine/redis.js')
  const fail = (error: unknown): void => { console.error(error) }
  const app = fastify()
  await app.register(fastifyWire, { engine: redisEngine({ url }) })
  app.topics.on('gap', (topic) => { fail(`gap in ${topic}`) })
  app.topics.on('state', (state, error) => { if (error !== undefined) fail(`the engine is ${state}: ${error.message}`) })
  app.ws(TOPIC, { topic: true, history: { size: 10_000, ttl: 60_000 } }, () => {})
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    port: (app.server.address() as AddressInfo).port,
    publish: (text) => app.topics.publish(TOPIC, text).catch(fail)
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
