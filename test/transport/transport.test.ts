import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t from 'tap'
import { spend } from '../../lib/codec/budget.js'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { receiveBytes } from '../../lib/transport/reader.js'
import { Transport } from '../../lib/transport/transport.js'
import { turn } from '../fixtures/memory.js'
import { setUp, tick, write } from '../fixtures/transport.js'

t.test('answers to a chunk leave when it has been read', async (t) => {
  const { writes, stream, open } = setUp((bytes, transport) => {
    write(transport, bytes.toString())
    write(transport, '!')
  })
  open(Buffer.from('head'))
  t.same(writes, [[Buffer.from('head!')]])
  stream.push('more')
  await tick()
  t.same(writes[1], [Buffer.from('more!')])
})

t.test('destroy() sends bytes that can leave at once, and nothing afterwards', async (t) => {
  const { writes, events, stream, transport, open } = setUp()
  open()
  write(transport, 'a')
  const closed = once(stream, 'close')
  transport.destroy()
  await closed
  write(transport, 'b')
  const error = await new Promise((resolve) => { transport.whenWritten(resolve) })
  t.ok(error instanceof Error)
  await tick()
  t.same(writes.flat().map(String), ['a'])
  t.same(events, ['closed'])
})

t.test('end() sends queued bytes, and reading continues', async (t) => {
  const seen: string[] = []
  const { writes, events, stream, transport, open } = setUp((bytes) => { seen.push(bytes.toString()) })
  open()
  transport.pause()
  write(transport, 'last')
  transport.end()
  transport.end()
  write(transport, 'too late')
  t.same(writes, [[Buffer.from('last')]])
  stream.push('still read')
  stream.push(null)
  await once(stream, 'end')
  t.same(seen, ['still read'])
  t.equal(events[0], 'ended')
})

t.test('a stream that was paused in the handler stays paused', async (t) => {
  const { stream, transport, open } = setUp()
  transport.pause()
  open()
  t.equal(stream.isPaused(), true)
  transport.resume()
  t.equal(stream.isPaused(), false)
  t.equal(transport.stream, stream)
})

t.test('drained() is not called by a stream that failed or was destroyed', async (t) => {
  for (const cut of [true, false]) {
    const { events, stream, transport, finish, open } = setUp(() => {}, false)
    open()
    write(transport, 'x'.repeat(100_000))
    await tick()
    write(transport, 'behind it')
    const results = [0, 1].map(() => new Promise((resolve) => { transport.whenWritten(resolve) }))
    const closed = once(stream, 'close').catch(() => {})
    if (cut) transport.destroy()
    finish(cut ? undefined : new Error('broken'))
    for (const result of results) t.ok(await result instanceof Error)
    await closed
    await tick()
    t.same(events, cut ? ['closed'] : ['broken', 'closed'])
    t.equal(transport.bufferedAmount, 0)
  }
})

t.test('ended() is called for a peer that ended before the transport opened', async (t) => {
  const { events, stream, transport, open } = setUp()
  stream.push(null)
  stream.read()
  await once(stream, 'end')
  open()
  t.same(events, ['ended'])
  transport.destroy()
})

// What is received in turns

/** A transport that takes one byte in each turn, and what it and its stream were told. */
const setUpInTurns = () => {
  const seen: string[] = []
  const stream = new Duplex({ read () {}, write (_chunk, _encoding, callback) { callback() } })
  const transport: Transport = new Transport(stream, {
    bytes: (length) => {
      if (length === 0) return 0
      seen.push(receiveBuffer.bytes.toString('latin1', 0, 1))
      spend(1_000)
      return 1
    },
    ended: () => { seen.push('ended') },
    drained: () => {},
    failed: ({ message }) => { seen.push(message) },
    closed: () => { if (!transport.receiveRest()) seen.push('closed') }
  }, false)
  return { seen, stream, transport }
}

t.test('end, error and close of a stream are reported after its remaining bytes', async (t) => {
  const { seen, stream, transport } = setUpInTurns()
  transport.open(Buffer.from('abc'), false)
  t.ok(stream.isPaused(), 'nothing is read while something is left')
  transport.streamEnded()
  transport.streamFailed(new Error('broken'))
  stream.destroy()
  await once(stream, 'close')
  t.same(seen.filter((told) => told.length > 1), [])
  while (!seen.includes('closed')) await turn()
  t.same(seen, ['a', 'b', 'c', 'ended', 'broken', 'closed'])
})

t.test('a stream is read again when the rest has been received, unless it is paused', async (t) => {
  const { seen, stream, transport } = setUpInTurns()
  transport.open(Buffer.from('ab'), false)
  stream.push('c')
  while (seen.length < 3) await turn()
  t.same(seen.splice(0), ['a', 'b', 'c'])
  await turn()
  t.notOk(stream.isPaused())
  receiveBytes(transport, Buffer.from('de'))
  transport.pause()
  for (let i = 0; i < 3; i++) await turn()
  t.same(seen, ['d'])
  transport.streamEnded()
  transport.resume()
  while (!seen.includes('ended')) await turn()
  t.same(seen, ['d', 'e', 'ended'])
  transport.destroy()
})

t.test('the end of a paused stream is reported when it is resumed', async (t) => {
  const { events, stream, transport, open } = setUp()
  open()
  transport.pause()
  transport.streamEnded()
  await turn()
  t.same(events, [])
  transport.resume()
  await turn()
  t.same(events, ['ended'])
  t.notOk(stream.isPaused())
  transport.destroy()
})

t.test('the rest is dropped when the connection is destroyed, but its error is reported', async (t) => {
  const { seen, transport } = setUpInTurns()
  transport.open(Buffer.from('abc'), false)
  transport.streamFailed(new Error('broken'))
  transport.destroy()
  await once(transport.stream, 'close')
  t.same(seen, ['a', 'broken', 'closed'])
})

t.test('a close that is reported while bytes cannot be taken is reported again with them left', async (t) => {
  const stream = new Duplex({ read () {} })
  const seen: string[] = []
  const transport: Transport = new Transport(stream, {
    bytes: () => {
      transport.pause()
      return 0
    },
    ended: () => {},
    drained: () => {},
    failed: () => {},
    closed: () => { if (seen.push('closed') === 1) transport.receiveRest() }
  }, false)
  transport.open(Buffer.from('ab'), false)
  stream.destroy()
  while (seen.length < 2) await turn()
  t.ok(transport.rest !== undefined)
  transport.dropRest()
  t.equal(transport.rest, undefined)
})

t.test('bytes are received in the context in which the transport was created', async (t) => {
  const storage = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  const { open, stream } = storage.run(
    'mine', () => setUp((bytes) => { seen.push(bytes.toString(), storage.getStore()) })
  )
  storage.run('of another', () => {
    open()
    stream.push('a')
  })
  await turn()
  t.same(seen, ['a', 'mine'])
})
