import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import WebSocket from 'ws'
import { fastifyWire } from '../../index.js'
import { upgradeHead } from '../fixtures/client.js'

const https = {
  key: readFileSync(new URL('../fixtures/localhost.key', import.meta.url)),
  cert: readFileSync(new URL('../fixtures/localhost.crt', import.meta.url))
}

t.test('behind TLS: a conversation, a wss location, and a plain answer to a foreign upgrade', async (t) => {
  const app = Fastify({ https })
  t.teardown(() => app.close())
  await app.register(fastifyWire, { closeTimeout: 500 })
  app.get('/demo', async () => 'plain')
  app.ws('/demo', (socket) => { socket.on('message', (data) => { socket.send(data) }) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  const client = new WebSocket(`wss://127.0.0.1:${port}/demo`, { rejectUnauthorized: false })
  await once(client, 'open')
  const payload = Buffer.alloc(300_000, 'x')
  client.send(payload)
  t.ok(payload.equals((await once(client, 'message'))[0]))
  client.close()
  await once(client, 'close')

  const ask = async (head: string, until: string): Promise<string> => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.write(head)
    let all = ''
    while (!all.includes(until)) all += String((await once(socket, 'data'))[0])
    socket.destroy()
    return all
  }
  t.match(await ask(upgradeHead('/demo', { Upgrade: 'h2c' }), 'plain'), ' 200 OK')
  t.match(
    await ask('GET /demo HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nHost: example.com:443\r\nOrigin: null\r\n\r\n', '\r\n\r\n'),
    'WebSocket-Origin: null\r\nWebSocket-Location: wss://example.com/demo\r\n')
})
