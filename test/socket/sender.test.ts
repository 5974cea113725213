import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import { PreparedMessage } from '../../lib/codec/prepared-message.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { json } from '../fixtures/deflate.js'

const sent = (act: (callback: (error?: Error | null) => void) => unknown): Promise<unknown> => new Promise((resolve) => { act(resolve) })

t.test('a message is sent while nothing is in its way, and queued while the peer is slow', async (t) => {
  const { socket, stall } = createMemorySocket()
  const message = new PreparedMessage(Buffer.from('for many'), false, true)
  t.equal(socket.send('a'), 'sent')
  t.equal(socket.send(message), 'sent')
  const release = stall()
  t.equal(socket.send(Buffer.alloc(100_000)), 'sent')
  await turn()
  t.equal(socket.send('b'), 'queued')
  t.equal(socket.send(message, {}), 'queued')
  let drains = 0
  socket.on('drain', () => { drains++ })
  release()
  await turn()
  t.equal(drains, 1)
  t.equal(socket.send('c'), 'sent')
})

t.test('what waits for a write that is not done is queued too, and drained', async (t) => {
  const { socket, stall } = createMemorySocket()
  const release = stall()
  t.equal(socket.send('a'), 'sent')
  await turn()
  t.equal(socket.send('b'), 'sent')
  await turn()
  t.equal(socket.send('c'), 'queued')
  let drains = 0
  socket.on('drain', () => { drains++ })
  release()
  await turn()
  t.equal(drains, 1)
})

t.test('after the close a message is refused, and who sent it told', async (t) => {
  const { socket } = createMemorySocket()
  socket.terminate()
  t.equal(socket.send('x'), 'refused')
  t.match(await sent((callback) => socket.send('x', callback)), { code: 'FST_WIRE_NOT_OPEN' })
  t.match(await sent((callback) => socket.send(new PreparedMessage(Buffer.from('x'), false, true), callback)), { code: 'FST_WIRE_NOT_OPEN' })
  t.match(await sent((callback) => { socket.ping('x', true, callback) }), { code: 'FST_WIRE_NOT_OPEN' })
  await t.rejects(socket.sent('x'), { code: 'FST_WIRE_NOT_OPEN' })
})

t.test('what a version cannot carry is thrown, or told', async (t) => {
  const { socket } = createMemorySocket({ version: 'hixie-76' })
  const binary = new PreparedMessage(Buffer.from('x'), true, true)
  for (const act of [
    (callback?: () => void) => { socket.send(Buffer.from('x'), callback) },
    (callback?: () => void) => { socket.send(binary, callback) },
    (callback?: () => void) => { socket.ping('x', true, callback) }
  ]) {
    t.throws(() => { act() }, { code: 'FST_WIRE_NOT_SUPPORTED' })
    t.match(await sent(act), { code: 'FST_WIRE_NOT_SUPPORTED' })
  }
  await t.rejects(socket.sent(Buffer.from('x')), { code: 'FST_WIRE_NOT_SUPPORTED' })
  await socket.sent('text')
})

t.test('a callback comes when a message has left, and what it throws is contained', async (t) => {
  const { socket, errors } = createMemorySocket()
  t.notOk(await sent((callback) => socket.send('a', callback)))
  t.notOk(await sent((callback) => socket.send(new PreparedMessage(Buffer.from('b'), false, true), callback)))
  t.notOk(await sent((callback) => { socket.pong('c', true, callback) }))
  await socket.sent('d')
  socket.ping('e', true, () => { throw new Error('thrown') })
  socket.send('f', (async () => { throw new Error('rejected') }) as () => void)
  await turn()
  await turn()
  t.match(errors, [{ message: 'thrown' }, { message: 'rejected' }])
})

t.test('a message that is being compressed when the socket is cut is not said to be sent', async (t) => {
  const { socket } = createMemorySocket({ isCompressed: true })
  const result = sent((callback) => socket.send(json(70_000), callback))
  socket.terminate()
  t.match(await result, { code: 'FST_WIRE_NOT_OPEN' })
})

t.test('a ping is refused where too much waits', async (t) => {
  const { socket, stall } = createMemorySocket({ backpressure: { limit: 10, policy: 'drop' } })
  stall()
  socket.send(Buffer.alloc(100))
  await turn()
  socket.ping('nobody is told')
  t.match(await sent((callback) => { socket.ping('x', true, callback) }), { code: 'FST_WIRE_BACKPRESSURE' })
  socket.terminate()
})

t.test('a value is sent as the route says, kept for a slow peer by its kind, or refused', async (t) => {
  const outbound = {
    write: (value: unknown) => {
      if (value === undefined) throw new Error('no value')
      return JSON.stringify(value)
    }
  }
  const { socket, frames, stall } = createMemorySocket({ settings: { outbound }, backpressure: { limit: 1_000, policy: 'latest' } })
  t.equal(socket.send({ a: 1 } as never), 'sent')
  t.throws(() => { socket.send(undefined as never) }, { message: 'no value' })
  t.match(await sent((callback) => socket.send(undefined as never, callback)), { message: 'no value' })
  const release = stall()
  socket.send('slow')
  await turn()
  socket.send('more')
  await turn()
  for (const value of [1, 2]) t.equal(socket.send(value, { kind: 'number' }), 'queued')
  release()
  await turn()
  t.same(frames().map(({ payload }) => payload.toString()), ['{"a":1}', '"slow"', '"more"', '2'])
  socket.terminate()
  t.equal(socket.send(3), 'refused')
})

t.test('what is sent is published, where somebody follows', async (t) => {
  const nobody = (): void => {}
  for (const name of ['message:out', 'ping']) subscribe(`fastify-wire:${name}`, nobody)
  t.teardown(() => { for (const name of ['message:out', 'ping']) unsubscribe(`fastify-wire:${name}`, nobody) })
  const seen: unknown[] = []
  const { socket } = createMemorySocket({ observer: { publish: (channel, details) => { seen.push([channel.name, details]) } } })
  socket.send('text')
  socket.send(new PreparedMessage(Buffer.from('for many'), true, true))
  socket.pong('pong')
  t.same(seen, [
    ['fastify-wire:message:out', { data: 'text', isBinary: false }],
    ['fastify-wire:message:out', { data: Buffer.from('for many'), isBinary: true }],
    ['fastify-wire:ping', { kind: 'pong', direction: 'out', data: Buffer.from('pong') }]
  ])
  socket.terminate()
})
