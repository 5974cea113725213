import { once } from 'node:events'
import t from 'tap'
import WebSocket, { type PerMessageDeflateOptions } from 'ws'
import type { WireOptions } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'

const TEXT = JSON.stringify(Array.from({ length: 300 }, (_, i) => ({ id: i, name: `name ${i}` })))

const offers: Array<[string, PerMessageDeflateOptions]> = [
  ['a browser', {}],
  ['a client without contexts', { clientNoContextTakeover: true, serverNoContextTakeover: true }],
  ['a client with small windows', { clientMaxWindowBits: 10, serverMaxWindowBits: 10 }]
]
const settings: Array<[string, WireOptions]> = [
  ['as it is', { perMessageDeflate: true }],
  ['with contexts', { perMessageDeflate: { contextTakeover: true, clientContextTakeover: true, threshold: 0 } }],
  [
    'by the names of ws',
    { options: { perMessageDeflate: { serverMaxWindowBits: 11, zlibDeflateOptions: { level: 6 }, threshold: 10 } } }
  ]
]

for (const [whose, offer] of offers) {
  for (const [how, options] of settings) {
    t.test(`${whose} and a server ${how} agree, and messages of every size come back`, async (t) => {
      const app = await createApp(t, { ...options, maxPayload: 4_000_000 })
      app.ws(
        '/echo', (socket) => { socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) }) }
      )
      const client = new WebSocket(`ws://127.0.0.1:${await listen(app)}/echo`, {
        perMessageDeflate: { threshold: 0, ...offer }
      })
      t.teardown(() => { client.terminate() })
      await once(client, 'open')
      t.match(client.extensions, 'permessage-deflate')
      const [socket] = app.websocketServer.clients
      t.equal(socket?.extensions, 'permessage-deflate')
      for (const text of ['', 'short', TEXT, TEXT.repeat(20), TEXT.repeat(200)]) {
        client.send(text)
        const [data, isBinary] = await once(client, 'message')
        t.ok(String(data) === text && isBinary === false, `${text.length} characters`)
      }
      app.websocketServer.broadcast(TEXT)
      t.ok(String((await once(client, 'message'))[0]) === TEXT, 'a message for many')
    })
  }
}

t.test('a malformed offer is refused, and an offer that the server cannot accept is declined', async (t) => {
  const app = await createApp(t, { perMessageDeflate: true })
  app.ws('/echo', () => {})
  const url = `ws://127.0.0.1:${await listen(app)}/echo`
  const refused = new WebSocket(url, {
    perMessageDeflate: false, headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate;;' }
  })
  const [error] = await once(refused, 'error')
  t.match(error.message, '400')
  const plain = new WebSocket(url, { perMessageDeflate: false })
  await once(plain, 'open')
  t.equal(plain.extensions, '')
  plain.terminate()
})
