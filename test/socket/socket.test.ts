import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import type { WireSocket } from '../../index.js'
import { context } from '../../lib/socket/socket.js'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { createApp, listen } from '../fixtures/app.js'
import { closeFrame, closeOf, frame, RawClient, text, upgradeHead } from '../fixtures/client.js'
import { converse } from '../fixtures/conversation.js'

/** What goes to the connection, write by write, on whichever way. */
const recordWrites = (socket: WireSocket): Buffer[] => {
  const writes: Buffer[] = []
  const record = (target: object, verb: string, at: number): void => {
    const original = Reflect.get(target, verb) as (...args: unknown[]) => unknown
    Reflect.set(target, verb, function (this: unknown, ...args: unknown[]) {
      writes.push(Buffer.from(args[at] as Buffer))
      return Reflect.apply(original, this, args)
    })
  }
  const directly = process.env['WIRE_DIRECT_IO'] !== 'off'
  if (directly) record(Reflect.get(socket._socket, '_handle') as object, 'writeBuffer', 1)
  else record(socket._socket, 'write', 0)
  return writes
}

const messages = (socket: WireSocket): string[] => {
  const seen: string[] = []
  socket.on('message', (data) => { seen.push(data.toString()) })
  return seen
}

t.test('a text message arrives as a Buffer and false, a binary one as a Buffer and true', async (t) => {
  const { client, socket } = await converse(t)
  client.write(text('grüß'))
  t.same(await once(socket, 'message'), [Buffer.from('grüß'), false])
  client.write(frame(2, Buffer.from([0, 255])))
  t.same(await once(socket, 'message'), [Buffer.from([0, 255]), true])
})

t.test('binaryType determines the type of binary messages', async (t) => {
  const { client, socket } = await converse(t)
  socket.binaryType = 'arraybuffer'
  client.write(frame(2, 'ab'))
  const [data] = await once(socket, 'message')
  t.ok(data instanceof ArrayBuffer)
  t.same(Buffer.from(data), Buffer.from('ab'))
  socket.binaryType = 'fragments'
  client.write(frame(2, 'cd'))
  t.same(await once(socket, 'message'), [[Buffer.from('cd')], true])
})

t.test('everything that can be sent arrives', async (t) => {
  const { client, socket } = await converse(t)
  const bytes = new Uint8Array([1, 2, 3])
  socket.send('text')
  socket.send(42)
  socket.send(Buffer.from('text'), { binary: false })
  socket.send(bytes)
  socket.send(bytes.buffer)
  socket.send([Buffer.from([1]), Buffer.from([2, 3])])
  socket.send('bin', { binary: true })
  const got: Array<[number, string]> = []
  for (let i = 0; i < 7; i++) {
    const { opcode, payload } = await client.readFrame()
    got.push([opcode, payload.toString('latin1')])
  }
  t.same(got, [
    [1, 'text'], [1, '42'], [1, 'text'], [2, '\x01\x02\x03'], [2, '\x01\x02\x03'], [2, '\x01\x02\x03'], [2, 'bin']
  ])
})

t.test('a message may be sent in fragments', async (t) => {
  const { client, socket } = await converse(t)
  socket.send('a', { fin: false })
  socket.send('b', { fin: true })
  t.same(await client.read(6), Buffer.from([0x01, 1, 0x61, 0x80, 1, 0x62]))
})

t.test('the callback of send() is called when the message has left', async (t) => {
  const { client, socket } = await converse(t)
  const error = await new Promise((resolve) => { socket.send('a', resolve) })
  t.notOk(error)
  await new Promise((resolve) => { socket.send('b', { binary: false }, resolve) })
  t.equal(await client.readText() + await client.readText(), 'ab')
})

t.test('send() after the close calls back with an error and does nothing else', async (t) => {
  const { client, socket } = await converse(t)
  client.write(closeFrame(1000))
  await once(socket, 'close')
  t.equal(socket.readyState, socket.CLOSED)
  t.same([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED], [0, 1, 2, 3])
  socket.send('silence')
  socket.ping()
  socket.pause()
  socket.close()
  for (const verb of ['send', 'ping', 'pong'] as const) {
    const error = await new Promise((resolve) => { Reflect.apply(socket[verb], socket, ['x', resolve]) })
    t.match(error, { code: 'FST_WIRE_NOT_OPEN' })
  }
})

t.test('the callback of a message that could not leave receives an error', async (t) => {
  const { socket } = await converse(t)
  socket.send(Buffer.alloc(16_000_000))
  await new Promise<void>((resolve) => { setImmediate(resolve) })
  const result = new Promise((resolve) => { socket.send('x', resolve) })
  socket.terminate()
  t.ok(await result instanceof Error)
})

t.test('messages sent before terminate() still arrive', async (t) => {
  const { client, socket } = await converse(t)
  socket.send('who are you?')
  socket.terminate()
  t.equal(await client.readText(), 'who are you?')
})

t.test('a Blob is sent after its bytes are read, before later messages', async (t) => {
  const { client, socket } = await converse(t)
  const sent = socket.sent(new Blob(['blob']))
  t.equal(socket.send(new Blob(['as text']), { binary: false }), 'queued')
  t.equal(socket.send('behind'), 'queued')
  t.throws(() => { socket.send({} as never) }, { code: 'FST_WIRE_DATA' })
  t.equal(socket.send(new PreparedMessage(Buffer.from('for many'), false, true)), 'queued')
  const called = new Promise((resolve) => { socket.send(new Blob(['last']), resolve) })
  socket.close(1000)
  t.equal(socket.readyState, socket.OPEN)
  t.same([await client.readFrame(), await client.readText(), await client.readText(), await client.readText()], [
    { opcode: 2, payload: Buffer.from('blob') }, 'as text', 'behind', 'for many'
  ])
  t.same(await client.readFrame(), { opcode: 2, payload: Buffer.from('last') })
  t.same((await client.readFrame()).opcode, 8)
  t.notOk(await called)
  await sent
})

t.test('an unsupported value throws, null is sent as an empty message', async (t) => {
  const { client, socket } = await converse(t)
  for (const data of [{ a: 1 }, true, Promise.resolve(), ['text']]) {
    t.throws(() => { socket.send(data as never) }, { code: 'FST_WIRE_DATA' })
  }
  t.throws(() => { socket.ping({} as never) }, { code: 'FST_WIRE_DATA' })
  socket.send(null as never, null)
  socket.send([1, 2])
  t.same([await client.readFrame(), await client.readFrame()], [
    { opcode: 2, payload: Buffer.alloc(0) }, { opcode: 2, payload: Buffer.from([1, 2]) }
  ])
})

t.test('an error that the application emits without a listener goes to the errorHandler', async (t) => {
  const errors: unknown[] = []
  const { socket } = await converse(t, { errorHandler: (error) => { errors.push(error) } })
  const error = new Error('upstream failed')
  t.equal(socket.emit('error', error), true)
  t.same(errors, [error])
  socket.on('error', () => {})
  socket.emit('error', error)
  t.equal(errors.length, 1)
})

t.test('eventNames() returns only events with listeners', async (t) => {
  const { socket } = await converse(t)
  t.same(socket.eventNames(), [])
  socket.on('ping', () => {})
  t.same(socket.eventNames(), ['ping'])
})

t.test('ping and pong carry a payload both ways', async (t) => {
  const { client, socket } = await converse(t)
  socket.ping('are you there', true, () => {})
  t.same(await client.readFrame(), { opcode: 9, payload: Buffer.from('are you there') })
  socket.ping()
  t.same(await client.readFrame(), { opcode: 9, payload: Buffer.alloc(0) })
  socket.ping(() => {})
  t.equal((await client.readFrame()).opcode, 9)
  client.write(frame(10, 'yes'))
  t.same(await once(socket, 'pong'), [Buffer.from('yes')])
  client.write(frame(9, 'and you'))
  t.same(await once(socket, 'ping'), [Buffer.from('and you')])
  t.same(await client.readFrame(), { opcode: 10, payload: Buffer.from('and you') })
  socket.pong('unasked')
  t.same(await client.readFrame(), { opcode: 10, payload: Buffer.from('unasked') })
  t.throws(() => { socket.ping(Buffer.alloc(126)) }, { code: 'FST_WIRE_CONTROL_LENGTH' })
  const error = await new Promise((resolve) => { socket.ping(Buffer.alloc(126), resolve) })
  t.match(error, { code: 'FST_WIRE_CONTROL_LENGTH' })
})

t.test('answers sent while a chunk is read leave in one write', async (t) => {
  const { client, socket } = await converse(t)
  socket.on('message', (data) => { socket.send(data, { binary: false }) })
  const writes = recordWrites(socket)
  client.write(Buffer.concat([text('a'), frame(9), text('b')]))
  for (let i = 0; i < 3; i++) await client.readFrame()
  t.same(writes, [Buffer.from([0x81, 1, 0x61, 0x8a, 0, 0x81, 1, 0x62])])
})

t.test('a close of the peer is answered, and emits its code and reason once', async (t) => {
  const { client, socket } = await converse(t)
  let closes = 0
  socket.on('close', () => { closes++ })
  client.write(frame(8, Buffer.concat([Buffer.from([0x0f, 0xa0]), Buffer.from('bye')])))
  t.same(await once(socket, 'close'), [4000, Buffer.from('bye')])
  t.same(await client.readFrame(), { opcode: 8, payload: Buffer.from('\x0f\xa0bye', 'latin1') })
  await client.readEnd()
  t.equal(closes, 1)
})

t.test('close() waits for the answer', async (t) => {
  const { client, socket } = await converse(t)
  socket.close(1001, 'moving')
  socket.close(1000)
  t.equal(socket.readyState, socket.CLOSING)
  t.same(await client.readFrame(), {
    opcode: 8, payload: Buffer.concat([Buffer.from([0x03, 0xe9]), Buffer.from('moving')])
  })
  client.write(closeFrame(1001))
  t.same((await once(socket, 'close'))[0], 1001)
  t.equal(socket.readyState, 3)
})

t.test('a peer that answers the close but keeps its side open is disconnected after closeTimeout', async (t) => {
  const { client, socket } = await converse(t, { closeTimeout: 20, halfOpen: true })
  client.write(closeFrame(1000))
  t.same((await once(socket, 'close'))[0], 1000)
  await client.readEnd()
})

t.test('an invalid close code or reason throws', async (t) => {
  const { socket } = await converse(t)
  t.throws(() => { socket.close(1005) }, { code: 'FST_WIRE_CLOSE_CODE' })
  t.throws(() => { socket.close(1000, 'x'.repeat(124)) }, { code: 'FST_WIRE_CLOSE_REASON' })
  t.equal(socket.readyState, socket.OPEN)
})

t.test('a protocol error closes with its code, and emits an error if there is a listener', async (t) => {
  const { client, socket } = await converse(t)
  const error = once(socket, 'error')
  client.write(Buffer.from([0x81, 0x01, 0x61]))
  t.match((await error)[0], { code: 'FST_WIRE_MASK', closeCode: 1002 })
  t.equal((await client.readFrame()).payload.readUInt16BE(), 1002)
  client.socket.end()
  t.same((await once(socket, 'close'))[0], 1006)
  const unheard = await converse(t)
  unheard.client.write(Buffer.from([0x81, 0x01, 0x61]))
  t.equal((await unheard.client.readFrame()).payload.readUInt16BE(), 1002)
})

t.test('messages that arrive with the handshake, or before a listener, are queued', async (t) => {
  const { client, socket } = await converse(t, { early: Buffer.concat([text('1'), text('2')]) })
  client.write(text('3'))
  client.write(frame(9))
  await once(socket, 'ping')
  const seen = messages(socket)
  t.same(seen, [], 'not within on()')
  client.write(text('4'))
  while (seen.length < 4) await once(socket, 'message')
  t.same(seen, ['1', '2', '3', '4'])
})

t.test('a socket without listeners still closes', async (t) => {
  const { client, socket } = await converse(t)
  client.write(Buffer.concat([text('unheard'), closeFrame(1000)]))
  t.same((await once(socket, 'close'))[0], 1000)
  t.same((await once(socket, 'message'))[0], Buffer.from('unheard'), 'and keeps what came')
})

t.test('pause() and resume() work without messages', async (t) => {
  const { client, socket } = await converse(t)
  socket.pause()
  socket.pause()
  socket.resume()
  client.write(text('a'))
  t.same((await once(socket, 'message'))[0], Buffer.from('a'))
})

t.test('errors thrown or rejected by a handler or a listener go to the errorHandler', async (t) => {
  const thrown = new Error('thrown')
  const throwing: Array<(socket: WireSocket) => void | Promise<void>> = [
    () => { throw thrown },
    async () => { throw thrown },
    (socket) => { socket.on('message', () => { throw thrown }) },
    (socket) => { socket.on('message', async () => { throw thrown }) },
    (socket) => { socket.addEventListener('message', async () => { throw thrown }) },
    (socket) => { socket.onmessage = () => { throw thrown } },
    (socket) => { socket.on('ping', () => { throw thrown }) },
    (socket) => { socket.send('', () => { throw thrown }) }
  ]
  for (const handler of throwing) {
    const { client, errors } = await converse(t, { handler, early: Buffer.concat([text('x'), frame(9)]) })
    let opcode
    do opcode = (await client.readFrame()).opcode
    while (opcode !== 8)
    t.same(errors, [thrown])
  }
})

t.test('addEventListener() delivers events with data, type and target', async (t) => {
  const { client, socket } = await converse(t)
  const seen: unknown[] = []
  const listener = {
    handleEvent (event: { type: string, data: unknown, target: unknown }) {
      seen.push([
        event.type, event.data, event.target === socket
      ])
    }
  }
  socket.addEventListener('message', listener)
  socket.addEventListener('message', listener)
  socket.addEventListener('nothing' as never, listener as never)
  socket.addEventListener('message', ({ data }) => { seen.push(data) }, { once: true })
  t.equal(socket.onmessage, null)
  socket.onmessage = ({ data }) => { seen.push(`on ${String(data)}`) }
  t.type(socket.onmessage, 'function')
  t.equal(socket.onopen ?? socket.onclose ?? socket.onerror, null)
  client.write(text('a'))
  await once(socket, 'message')
  t.same(seen.splice(0), [['message', 'a', true], 'a', 'on a'])
  socket.removeEventListener('message', listener)
  socket.removeEventListener('message', listener)
  socket.onmessage = null
  socket.onopen = () => {}
  t.type(socket.onopen, 'function')
  socket.onerror = ({ message }) => { seen.push(message) }
  socket.onclose = ({ code, reason, wasClean }) => { seen.push([code, reason, wasClean]) }
  client.write(text('b'))
  await once(socket, 'message')
  t.same(seen, [])
  client.write(frame(2, 'b', false))
  client.write(frame(2, 'b'))
  client.socket.end()
  await closeOf(socket)
  t.match(seen, [/new message/, [1006, '', false]])
})

t.test('for await yields text as strings, binary as Buffers, and ends at a clean close', async (t) => {
  const { client, socket } = await converse(t)
  client.write(Buffer.concat([text('a'), frame(2, 'b')]))
  const seen: unknown[] = []
  for await (const message of socket) {
    seen.push(message)
    if (seen.length === 2) client.write(closeFrame(1000))
  }
  t.same(seen, ['a', Buffer.from('b')])
  t.same(await socket[Symbol.asyncIterator]().next(), { done: true, value: undefined })
})

t.test('an iterator of messages is iterable itself', async (t) => {
  const { client, socket } = await converse(t)
  client.write(text('a'))
  const messages = socket[Symbol.asyncIterator]()
  t.equal(messages[Symbol.asyncIterator](), messages)
  t.same(await messages.next(), { done: false, value: 'a' })
  await messages.return?.()
  client.write(text('b'))
  const data = await new Promise<unknown>((resolve) => { socket.addListener('message', resolve) })
  t.same(data, Buffer.from('b'))
})

t.test('for await throws at an unclean close, after all earlier messages', async (t) => {
  const { client, socket } = await converse(t)
  client.write(text('a'))
  const seen: unknown[] = []
  await t.rejects(async () => {
    for await (const message of socket) {
      seen.push(message)
      client.socket.destroy()
    }
  }, { code: 'FST_WIRE_UNCLEAN_CLOSE' })
  t.same(seen, ['a'])
})

t.test('for await slows the peer down, and leaving the loop loses nothing', async (t) => {
  const { client, socket } = await converse(t)
  const payload = Buffer.alloc(60_000, 'x')
  for (let i = 0; i < 200; i++) client.write(frame(2, payload))
  let count = 0
  for await (const message of socket) {
    t.equal((message as Buffer).length, payload.length)
    if (++count === 10) break
  }
  t.ok(socket.traffic.messagesReceived < 100)
  await new Promise<void>((resolve) => { socket.on('message', () => { if (++count === 200) resolve() }) })
})

t.test('stream() returns a Duplex', async (t) => {
  const { client, socket } = await converse(t)
  const stream = socket.stream()
  stream.write('a')
  t.equal(await client.readText(), 'a')
  stream.destroy()
  await closeOf(socket)
})

t.test('await using closes the socket with 1000 and waits', async (t) => {
  const { client, socket } = await converse(t)
  const disposed = socket[Symbol.asyncDispose]()
  t.equal((await client.readFrame()).payload.readUInt16BE(), 1000)
  client.write(closeFrame(1000))
  await disposed
  t.equal(socket.readyState, socket.CLOSED)
  await socket[Symbol.asyncDispose]()
})

t.test('app.close() closes every socket with 1001 and does not wait for silent peers', async (t) => {
  const app = await createApp(t, { closeTimeout: 20 })
  app.ws('/demo', () => {})
  const port = await listen(app)
  const silent = new RawClient(t, port)
  await silent.upgrade()
  const polite = new RawClient(t, port)
  await polite.upgrade()
  const closed = app.close()
  t.equal((await silent.readFrame()).payload.readUInt16BE(), 1001)
  t.equal((await polite.readFrame()).payload.readUInt16BE(), 1001)
  polite.write(closeFrame(1001))
  await closed
})

t.test('a client that leaves before the 101 never becomes a socket', async (t) => {
  const app = await createApp(t)
  let handled = 0
  let proceed = (): void => {}
  const hooked = new Promise<void>((resolve) => {
    app.ws('/demo', {
      preHandler: async () => {
        await new Promise<void>((_resolve) => {
          proceed = _resolve
          resolve()
        })
      }
    }, () => { handled++ })
  })
  const port = await listen(app)
  const connection = once(app.server, 'connection')
  const client = connect({ port, host: '127.0.0.1' })
  client.write(upgradeHead())
  const [accepted] = await connection
  await hooked
  client.resetAndDestroy()
  accepted.resume()
  await closeOf(accepted)
  proceed()
  await new Promise<void>((resolve) => { setImmediate(resolve) })
  t.equal(handled, 0)
})

t.test('the latency is known after the first pong of the heartbeat', async (t) => {
  const { client, socket } = await converse(t, { heartbeat: { interval: 10, timeout: 60_000 } })
  t.equal(socket.latency, undefined)
  for (let i = 0; i < 2; i++) client.write(frame(10, (await client.readFrame()).payload))
  t.ok((socket.latency as number) >= 0)
})

t.test('send() with a schema accepts values, with or without options, and sends bytes unchanged', async (t) => {
  const { client, socket } = await converse(t, { schema: { send: {} } })
  socket.send('text')
  socket.send({ a: 1 } as never, { compress: false })
  socket.send('as it is', { binary: false })
  t.same([await client.readText(), await client.readText(), await client.readText()], ['"text"', '{"a":1}', 'as it is'])
  const sent = [
    new Promise((resolve) => { socket.send('b', resolve) }),
    new Promise((resolve) => { socket.send('b', { compress: true }, resolve) })
  ]
  t.same(await Promise.all(sent), [undefined, undefined])
  await socket.sent({ c: 1 } as never)
  await socket.sent('as it is', { binary: false })
  t.same([await client.readText(), await client.readText(), await client.readText(), await client.readText()], [
    '"b"', '"b"', '{"c":1}', 'as it is'
  ])
  const { socket: strict } = await converse(t, {
    schema: { send: { type: 'object', required: ['x'], properties: { x: {} } } }
  })
  await t.rejects(strict.sent({} as never), { code: 'FST_WIRE_SEND_SCHEMA' })
  t.match(strict[context], { route: '/demo', ip: '' })
})

t.test('maxPayload may be changed for an open socket', async (t) => {
  const { client, socket } = await converse(t, {
    maxPayload: 8,
    handler: (socket) => {
      socket.on('message', (data) => {
        if (data.toString() === 'password') socket.maxPayload = 2_000
        socket.send(String(socket.maxPayload))
      })
    }
  })
  t.equal(socket.maxPayload, 8)
  client.write(Buffer.concat([text('password'), text('a'.repeat(1_500))]))
  t.equal(await client.readText(), '2000')
  t.equal(await client.readText(), '2000')
  for (const wrong of [-1, 1.5, NaN, Infinity, '8']) {
    t.throws(() => { socket.maxPayload = wrong as number }, {
      code: 'FST_WIRE_OPTION', message: /"maxPayload" must be a whole number of bytes/
    })
  }
  socket.maxPayload = 4
  client.write(text('fifth'))
  t.equal((await client.readFrame()).payload.readUInt16BE(), 1009)
})

t.test('sent() resolves when the message has left, and rejects with the error otherwise', async (t) => {
  const { client, socket } = await converse(t)
  await socket.sent('text')
  await socket.sent(Buffer.from('binary'), { binary: false })
  await socket.sent(new PreparedMessage(Buffer.from('for many'), false, true))
  t.equal(await client.readText() + await client.readText() + await client.readText(), 'textbinaryfor many')
  socket.terminate()
  await once(socket, 'close')
  await t.rejects(socket.sent('too late'), { code: 'FST_WIRE_NOT_OPEN' })
})

t.test('each socket has its own short id, created on first use', async (t) => {
  const sockets = Array.from({ length: 100 }, () => createMemorySocket().socket)
  t.same(Object.getOwnPropertySymbols(sockets[0]!).filter(({ description }) => description === 'id'), [])
  const ids = new Set(sockets.map(({ id }) => id))
  t.equal(ids.size, 100)
  for (const id of ids) t.match(id, /^[\w-]{12}$/)
  const [socket] = sockets as [WireSocket]
  t.equal(socket.id, socket.id)
  socket.id = 'mine'
  t.equal(socket.id, 'mine')
})

t.test('data is a property for the application', async (t) => {
  const { socket } = createMemorySocket()
  t.same(Object.getOwnPropertySymbols(socket).filter(({ description }) => description === 'data'), [])
  socket.data['user'] = 5
  t.same(socket.data, { user: 5 })
  const own = { user: 6 }
  socket.data = own
  t.equal(socket.data, own)
})

t.test('a socket without topics follows none, and its methods throw an error that says why', async (t) => {
  const { socket } = createMemorySocket()
  t.equal(socket.topic, '')
  t.same(socket.topics, [])
  for (const act of [
    () => socket.subscribe('/a'), () => { socket.unsubscribe('/a') }, () => socket.isSubscribed('/a'),
    () => socket.publish('/a', 'x')
  ]) {
    t.throws(act, { code: 'FST_WIRE_NO_TOPICS' })
  }
})

t.test("prependListener('message') delivers queued messages as on() does", async (t) => {
  const { socket, stream } = createMemorySocket()
  stream.push(Buffer.from('818100000000' + '61', 'hex'))
  await turn()
  const seen: string[] = []
  socket.prependListener('close', () => { seen.push('close') })
  await turn()
  t.same(seen, [])
  socket.prependListener('message', (data) => { seen.push(String(data)) })
  await turn()
  t.same(seen, ['a'])
})
