import { once } from 'node:events'
import t from 'tap'
import { buildMetrics } from '../../examples/metrics/app.js'

t.test('the counters of the sockets are exported', async (t) => {
  const app = await buildMetrics()
  t.teardown(() => app.close())
  const client = await app.injectWS('/echo')
  client.send('hello')
  await once(client, 'message')
  await app.injectWS('/nowhere').catch(() => {})
  const scrape = async (): Promise<string> => (await app.inject('/metrics')).body
  const open = await scrape()
  for (const line of [
    'websocket_connections{route="/echo",version="13"} 1',
    'websocket_messages_received_total{route="/echo",version="13"} 1',
    'websocket_sent_bytes_total{route="/echo",version="13"} 5',
    'websocket_refusals_total{reason="404"} 1',
    'websocket_latency_seconds{quantile="0.99"} 0'
  ]) t.match(open, line)
  const [socket] = [...app.websocketServer.clients]
  const closed = once(socket as NonNullable<typeof socket>, 'close')
  client.close(1000)
  await closed
  const after = await scrape()
  t.match(after, 'websocket_connections{route="/echo",version="13"} 0')
  t.match(after, 'websocket_connections_total{route="/echo",version="13"} 1')
  t.match(after, 'websocket_closes_total{code="1000"} 1')
  // Read again, a counter is what it was.
  t.equal(await scrape(), after)
})
