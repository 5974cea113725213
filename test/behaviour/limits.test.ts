// What one socket may take of a server, through routes: how many messages, how large, for how long.
import t from 'tap'
import type { WireSocket } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'
import { closeFrame, closeOf, RawClient, text } from '../fixtures/client.js'

t.test('a flood closes the socket with 1008, and other sockets are served', async (t) => {
  const app = await createApp(t)
  const seen: string[] = []
  app.ws('/demo', { messageRate: { rate: 1, burst: 3 } }, (socket) => {
    socket.on('message', (data) => { seen.push(data.toString()) })
  })
  const port = await listen(app)
  const flooding = new RawClient(t, port)
  await flooding.upgrade()
  const calm = new RawClient(t, port)
  await calm.upgrade()
  flooding.write(Buffer.concat(Array.from({ length: 1_000 }, (_, i) => text(String(i)))))
  const { opcode, payload } = await flooding.readFrame()
  t.equal(opcode, 8)
  t.equal(payload.readUInt16BE(), 1008)
  t.equal(payload.toString('utf8', 2), 'message rate exceeded: at most 3 at once, 1 per second')
  t.same(seen, ['0', '1', '2'])
  const closed = new Promise((resolve) => {
    for (const socket of app.websocketServer.clients) if (socket.readyState === socket.OPEN) socket.on('close', resolve)
  })
  calm.write(Buffer.concat([text('calm'), closeFrame(1000)]))
  await closed
  t.same(seen.slice(3), ['calm'])
})

t.test('with policy "pause" all messages are delivered, no faster than the rate', async (t) => {
  const app = await createApp(t)
  const times: number[] = []
  const texts: string[] = []
  const opened = new Promise<WireSocket>((resolve) => {
    app.ws('/demo', { messageRate: { rate: 100, burst: 10, policy: 'pause' } }, (socket) => {
      socket.on('message', (data) => {
        times.push(performance.now())
        texts.push(data.toString())
      })
      resolve(socket)
    })
  })
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  const began = performance.now()
  client.write(Buffer.concat([...Array.from({ length: 60 }, (_, i) => text(String(i))), closeFrame(1000)]))
  const socket = await opened
  t.equal(await closeOf(socket), 1000)
  t.same(texts, Array.from({ length: 60 }, (_, i) => String(i)))
  // 10 at once, and 100 a second: message i is there after (i - 9) * 10 ms at the earliest.
  t.same(times.filter((time, i) => time - began < (i - 9) * 10 - 10), [])
})

t.test('a peer of a paused socket is slowed by TCP, not buffered in memory', async (t) => {
  const app = await createApp(t)
  const opened = new Promise<WireSocket>((resolve) => {
    app.ws('/demo', { messageRate: { rate: 0.01, burst: 1, policy: 'pause' } }, (socket) => {
      socket.on('message', () => {})
      resolve(socket)
    })
  })
  const client = new RawClient(t, await listen(app))
  await client.upgrade()
  const socket = await opened
  const chunk = Buffer.concat(Array.from({ length: 1_000 }, () => text('a'.repeat(1_000))))
  // 32 MB, of which the kernel takes a few.
  for (let i = 0; i < 32; i++) client.socket.write(chunk)
  for (let i = 0; i < 200; i++) await new Promise(setImmediate)
  t.ok(client.socket.writableLength > 8_388_608)
  t.equal(socket.traffic.messagesReceived, 1)
  t.ok(socket._socket.readableLength < 131_072)
  socket.terminate()
  await closeOf(socket)
})

t.test('a socket at the end of its lifetime closes with 1001, and leaves no timer', async (t) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const app = await createApp(t)
  app.ws('/demo', { maxLifetime: 60, lifetimeJitter: 0.5 }, () => {})
  app.ws('/long', { maxLifetime: 3_600_000 }, () => {})
  const port = await listen(app)
  const clients = Array.from({ length: 5 }, () => new RawClient(t, port))
  for (const client of clients) await client.upgrade()
  for (const client of clients) {
    const { opcode, payload } = await client.readFrame()
    t.equal(opcode, 8)
    t.equal(payload.readUInt16BE(), 1001)
    t.equal(payload.toString('utf8', 2), 'connection lifetime reached: reconnect')
  }
  const long = new RawClient(t, port)
  t.match(await long.upgrade('/long'), ' 101 ')
  await app.close()
  t.ok(timers() <= before)
})

t.test('the application can raise maxPayload for a socket after it has authenticated', async (t) => {
  const app = await createApp(t, { maxPayload: 16 })
  app.ws('/demo', (socket) => {
    socket.on('message', (data) => {
      if (data.toString() === 'secret') socket.maxPayload = 4_096
      else socket.send(String((data as Buffer).length))
    })
  })
  const port = await listen(app)
  const known = new RawClient(t, port)
  await known.upgrade()
  known.write(Buffer.concat([text('secret'), text('a'.repeat(4_000))]))
  t.equal(await known.readText(), '4000')
  const unknown = new RawClient(t, port)
  await unknown.upgrade()
  unknown.write(text('a'.repeat(4_000)))
  t.equal((await unknown.readFrame()).payload.readUInt16BE(), 1009)
})
