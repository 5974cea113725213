import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import fastifyWire from '../../index.js'
import { natsEngine } from '../../lib/engine/nats.js'
import { redisEngine } from '../../lib/engine/redis.js'
import { PER_PUBLISHER } from './verdict.js'

/**
 * One of the processes of the fault harness. Arguments: redis or nats, the URL of its server, and the number of this
 * publisher. It serves the topic, publishes as many messages as the parent orders, and reports which were accepted.
 */

export type ToServer = { readonly publish: number } | { readonly close: true }

export interface FromServer {
  readonly port?: number
  readonly accepted?: readonly number[]
  readonly rejected?: number
}

const TOPIC = '/faults'
const HISTORY = { size: 1_000_000, ttl: 600_000 }
const FILLER = ' '.repeat(150)
const REPORT_INTERVAL = 20

const [kind, url, number] = process.argv.slice(2) as [string, string, string]
const limits = { publishTimeout: 30_000 }
const engine = kind === 'redis'
  ? redisEngine({ url, ...limits })
  : natsEngine({ servers: url, maxPerTopic: HISTORY.size, ...limits })
// The other processes start at the same time and may take all of the CPU.
const app = fastify({ pluginTimeout: 60_000 })
await app.register(fastifyWire, { engine, shutdown: { code: 1012, reason: 'restart' } })
app.ws(TOPIC, { topic: true, history: HISTORY, backpressure: { limit: 1_048_576 } }, () => {})
await app.listen({ port: 0, host: '127.0.0.1' })

let next = Number(number) * PER_PUBLISHER
let accepted: number[] = []
let rejected = 0
const report = (): void => {
  if (accepted.length + rejected > 0) process.send?.({ accepted, rejected } satisfies FromServer)
  accepted = []
  rejected = 0
}
setInterval(report, REPORT_INTERVAL)

const publish = (): void => {
  const message = next++
  app.topics.publish(TOPIC, message + FILLER).then(() => { accepted.push(message) }, () => { rejected++ })
}

process.on('message', async (order: ToServer) => {
  if ('publish' in order) {
    for (let i = 0; i < order.publish; i++) publish()
    return
  }
  await app.close()
  report()
  process.disconnect()
})
process.on('disconnect', () => { process.exit() })
process.send!({ port: (app.server.address() as AddressInfo).port } satisfies FromServer)
