import Fastify, { type FastifyInstance } from 'fastify'
import { Counter, Gauge, Registry } from 'prom-client'
import { fastifyWire, type WireMetrics } from '../../index.js'

type Sample = [labels: Record<string, string>, value: number]

/** Declares metrics whose samples are read from `metrics()` whenever Prometheus asks. */
function exportMetrics (registry: Registry, metrics: () => WireMetrics): void {
  const declare = (
    kind: 'counter' | 'gauge', name: string, help: string, labelNames: string[],
    read: (metrics: WireMetrics) => Sample[]
  ): void => {
    const config = { name: `websocket_${name}`, help, labelNames, registers: [registry] }
    if (kind === 'gauge') {
      // eslint-disable-next-line no-new -- it registers itself
      new Gauge({
        ...config,
        collect () {
          this.reset()
          for (const [labels, value] of read(metrics())) this.set(labels, value)
        }
      })
    } else {
      // eslint-disable-next-line no-new -- as above
      new Counter({
        ...config,
        collect () {
          this.reset()
          for (const [labels, value] of read(metrics())) this.inc(labels, value)
        }
      })
    }
  }
  const byReason = (counts: Record<string, number>, label: string): Sample[] =>
    Object.entries(counts).map(([reason, count]) => [{ [label]: reason }, count])
  const byRoute = (read: (counts: WireMetrics['routes'][number]) => number) => ({ routes }: WireMetrics): Sample[] =>
    routes.map((counts) => [{ route: counts.route, version: counts.version }, read(counts)])
  const route = ['route', 'version']

  declare('gauge', 'connections', 'Sockets that are open', route, byRoute(({ open }) => open))
  declare('counter', 'connections_total', 'Sockets that were opened', route, byRoute(({ opened }) => opened))
  declare(
    'counter', 'messages_received_total', 'Messages of clients', route,
    byRoute(({ messagesReceived }) => messagesReceived)
  )
  declare('counter', 'messages_sent_total', 'Messages to clients', route, byRoute(({ messagesSent }) => messagesSent))
  declare('counter', 'received_bytes_total', 'Payload of clients', route, byRoute(({ bytesReceived }) => bytesReceived))
  declare('counter', 'sent_bytes_total', 'Payload to clients', route, byRoute(({ bytesSent }) => bytesSent))
  declare(
    'counter', 'dropped_total', 'Messages that slow clients did not get', route,
    byRoute(({ messagesDropped }) => messagesDropped)
  )
  declare('gauge', 'buffered_bytes', 'What has not left yet', route, byRoute(({ bufferedBytes }) => bufferedBytes))
  declare(
    'counter', 'refusals_total', 'Upgrades that were refused', ['reason'],
    ({ refusals }) => byReason(refusals, 'reason')
  )
  declare('counter', 'closes_total', 'Sockets that are gone', ['code'], ({ closes }) => byReason(closes, 'code'))
  declare('gauge', 'latency_seconds', 'Round trips of the heartbeat', ['quantile'], ({ latency: { p50, p90, p99 } }) =>
    Object.entries({
      0.5: p50, 0.9: p90, 0.99: p99
    }).map(([quantile, milliseconds]) => [{ quantile }, milliseconds / 1_000]))
}

/** An echo at /echo, and its metrics at /metrics. */
export async function buildMetrics (): Promise<FastifyInstance> {
  const app = Fastify()
  const registry = new Registry()
  await app.register(fastifyWire)
  exportMetrics(registry, () => app.websocketServer.metrics())
  app.ws('/echo', (socket) => {
    socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
  })
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  return app
}
