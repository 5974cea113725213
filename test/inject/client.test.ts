import { once } from 'node:events'
import t from 'tap'
import type { WireSocket } from '../../index.js'
import { InjectedSocket } from '../../lib/inject/client.js'
import { MemorySocket } from '../../lib/inject/pair.js'
import { createApp } from '../fixtures/app.js'
import { closeOf } from '../fixtures/client.js'

t.test('a client is connecting before the handshake, and sends nothing', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  let error: unknown
  const client = await app.injectWS('/demo', {}, {
    onInit (client) {
      t.equal(client.readyState, client.CONNECTING)
      t.throws(() => { client.send('lost') }, { code: 'FST_WIRE_NOT_OPEN' })
      client.send('lost', (reason) => { error = reason })
      t.equal(client.send('lost', {}, () => {}), 'refused')
      client.on('open', () => { t.equal(client.readyState, client.OPEN) })
    }
  })
  t.match(error, { code: 'FST_WIRE_NOT_OPEN' })
  t.equal(client.readyState, client.OPEN)
  t.equal(client.url, '/demo')
  client.terminate()
  t.equal(await closeOf(client), 1006)
})

t.test('a client that is closed or terminated before the answer never opens, and leaves no timer', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => { t.fail('no socket') })
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  for (const verb of ['close', 'terminate'] as const) {
    await t.rejects(app.injectWS('/demo', {}, { onInit: (client) => { client[verb]() } }), {
      code: 'FST_WIRE_UNEXPECTED_ANSWER'
    })
  }
  t.equal(timers(), before)
})

t.test('events that the server causes at once reach listeners added after the await', async (t) => {
  const app = await createApp(t)
  app.ws('/closes', (socket) => { socket.close(1000, 'no more') })
  app.ws('/sends', (socket) => {
    socket.send('one')
    socket.send('two')
    socket.close(1000)
  })
  const closing = await app.injectWS('/closes')
  t.notOk(closing.isPaused)
  t.equal(await closeOf(closing), 1000)
  const sending = await app.injectWS('/sends')
  const told: string[] = []
  sending.on('message', (data) => { told.push(data.toString()) })
  t.equal(await closeOf(sending), 1000)
  t.same(told, ['one', 'two'])
})

t.test('messages wait for a late listener', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.send('early') })
  const client = await app.injectWS('/demo')
  await new Promise<void>((resolve) => { setImmediate(() => { setImmediate(resolve) }) })
  t.equal((await once(client, 'message')).toString(), 'early,false')
  client.close()
  t.equal(await closeOf(client), 1005)
})

t.test('a client that is paused after the await stays paused', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.send('early') })
  const client = await app.injectWS('/demo')
  let heard = 0
  client.on('message', () => { heard++ })
  client.pause()
  await new Promise<void>((resolve) => { setImmediate(() => { setImmediate(resolve) }) })
  t.ok(client.isPaused)
  t.equal(heard, 0)
  const message = once(client, 'message')
  client.resume()
  await message
  client.terminate()
})

t.test('a client has the other APIs of a socket', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => {
    socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
    socket.on('ping', (data) => { socket.pong(data) })
  })
  const client: WireSocket = await app.injectWS('/demo')
  const event = new Promise<unknown>((resolve) => {
    client.addEventListener(
      'message', ({ data }) => { resolve(data) }, { once: true }
    )
  })
  client.send('text')
  t.equal(await event, 'text')
  const pong = once(client, 'pong')
  client.ping('are you there')
  t.equal(String((await pong)[0]), 'are you there')
  client.send(Buffer.alloc(100_000, 7))
  const { value } = await client[Symbol.asyncIterator]().next()
  t.ok(Buffer.alloc(100_000, 7).equals(value as Buffer))
  const closed = closeOf(client)
  client.close(4000, 'done')
  t.equal(await closed, 4000)
})

t.test('an error thrown by a listener is not caught, so that the test fails', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.send('hello') })
  const client = await app.injectWS('/demo')
  const uncaught = new Promise((resolve) => {
    const listeners = process.rawListeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => {
      for (const listener of listeners) process.on('uncaughtException', listener as never)
      resolve(error)
    })
  })
  client.on('message', () => { throw new Error('of the listener') })
  t.match(await uncaught, { message: 'of the listener' })
  client.terminate()
})

t.test('the bytes of the answer are removed, wherever they are split', async (t) => {
  const proof = Buffer.from('8jKS\'y:G*Co,Wxa-')
  const message = Buffer.from('006869ff', 'hex')
  for (const cut of [0, 1, 15, 16, 17, proof.length + message.length]) {
    const addresses = {
      remoteAddress: '127.0.0.1', remotePort: 80, localAddress: '127.0.0.1', localPort: 1, encrypted: false
    }
    const near = new MemorySocket({ ...addresses, transform: (bytes) => bytes })
    const far = new MemorySocket({ ...addresses, transform: (bytes) => bytes })
    near.connect(far)
    far.connect(near)
    const client = new InjectedSocket(near, '/demo', 'hixie-76')
    const bytes = Buffer.concat([proof, message])
    const opened = new Promise<void>((resolve) => {
      client.accept(
        { 'websocket-protocol': 'one' }, bytes.subarray(0, cut), proof.length, resolve
      )
    })
    if (cut < bytes.length) far.write(bytes.subarray(cut))
    await opened
    t.equal(client.protocol, 'one')
    t.equal(String((await once(client, 'message'))[0]), 'hi', `cut at ${cut}`)
    client.terminate()
  }
})

t.test('a terminated client leaves no timer that keeps the process alive', async (t) => {
  const app = await createApp(t)
  const ended = new Promise<number>((resolve) => { app.ws('/demo', (socket) => { socket.on('close', resolve) }) })
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const client = await app.injectWS('/demo')
  const closed = closeOf(client)
  client.terminate()
  t.same(await Promise.all([closed, ended]), [1006, 1006])
  t.equal(timers(), before)
})
