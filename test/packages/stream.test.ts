import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t from 'tap'
import { createWebSocketStream, WebSocket } from 'ws'
import { createApp, listen } from '../fixtures/app.js'

t.test('createWebSocketStream of ws: a pipeline passes through the socket to a clean end', async (t) => {
  const app = await createApp(t)
  const served = new Promise<void>((resolve, reject) => {
    app.ws('/echo', (socket) => {
      const stream = createWebSocketStream(socket)
      pipeline(stream, new PassThrough(), stream).then(resolve, reject)
    })
  })
  const client = createWebSocketStream(new WebSocket(`ws://127.0.0.1:${await listen(app)}/echo`))
  const sent = randomBytes(3_000_000)
  const received: Buffer[] = []
  let missing = sent.length
  client.on('data', (chunk: Buffer) => {
    received.push(chunk)
    missing -= chunk.length
    if (missing === 0) client.end()
  })
  for (let at = 0; at < sent.length; at += 100_000) {
    if (!client.write(sent.subarray(at, at + 100_000))) await once(client, 'drain')
  }
  await finished(client)
  await served
  t.ok(Buffer.concat(received).equals(sent))
})

t.test('createWebSocketStream of ws: a reader that does not read slows the peer down', async (t) => {
  const app = await createApp(t)
  const opened = new Promise<ReturnType<typeof createWebSocketStream>>((resolve) => {
    app.ws('/sink', (socket) => { resolve(createWebSocketStream(socket, { readableHighWaterMark: 1024 })) })
  })
  const client = new WebSocket(`ws://127.0.0.1:${await listen(app)}/sink`)
  t.teardown(() => { client.terminate() })
  await once(client, 'open')
  const stream = await opened
  const [socket] = app.websocketServer.sockets
  const count = 200
  for (let i = 0; i < count; i++) client.send(randomBytes(10_000))
  await once(stream, 'readable')
  t.equal(socket?.isPaused, true)
  t.ok(Number(socket?.traffic.messagesReceived) < count)

  let length = 0
  stream.on('data', (chunk: Buffer) => { length += chunk.length })
  client.close()
  await finished(stream, { writable: false })
  t.equal(length, count * 10_000)
})

t.test('createWebSocketStream of ws: destroying it terminates the connection', async (t) => {
  const app = await createApp(t)
  app.ws('/cut', (socket) => { createWebSocketStream(socket).destroy() })
  const client = new WebSocket(`ws://127.0.0.1:${await listen(app)}/cut`)
  const [code] = await once(client, 'close')
  t.equal(code, 1006)
})
