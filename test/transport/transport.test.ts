import { once } from 'node:events'
import { readSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { spend } from '../../lib/codec/budget.js'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { prepareDirectIO } from '../../lib/transport/direct.js'
import { receiveBytes } from '../../lib/transport/reader.js'
import { Transport } from '../../lib/transport/transport.js'
import { turn } from '../fixtures/memory.js'

const setUp = (onBytes: (bytes: Buffer, transport: Transport) => void = () => {}, finishes = true) => {
  const writes: Buffer[][] = []
  const events: unknown[] = []
  let finish = (_error?: Error): void => {}
  const stream = new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, callback) {
      writes.push([Buffer.from(chunk)])
      if (finishes) callback()
      else finish = callback
    },
    writev (chunks, callback) {
      writes.push(chunks.map(({ chunk }) => Buffer.from(chunk)))
      if (finishes) callback()
      else finish = callback
    }
  })
  const transport: Transport = new Transport(stream, {
    bytes: (length) => {
      onBytes(Buffer.from(receiveBuffer.bytes.subarray(0, length)), transport)
      return length
    },
    ended: () => { events.push('ended') },
    drained: () => { events.push('drained') },
    failed: ({ message }) => { events.push(message) },
    closed: () => { events.push('closed') }
  }, false)
  const open = (head = Buffer.alloc(0)): void => { transport.open(head, false) }
  return { writes, events, stream, transport, open, finish: (error?: Error) => { finish(error) } }
}

const write = (transport: Transport, text: string): void => {
  const at = transport.reserve(text.length)
  transport.chunk.write(text, at)
}

const tick = () => new Promise<void>((resolve) => { process.nextTick(resolve) })

t.test('what is written in one tick leaves side by side in one write', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'ab')
  write(transport, 'cd')
  t.equal(transport.queuedAmount, 4)
  t.equal(transport.bufferedAmount, 0, 'none of which waits for the peer')
  await tick()
  t.same(writes, [[Buffer.from('abcd')]])
  t.equal(transport.bufferedAmount, 0)
})

t.test('two transports that write in turn do not mix', async (t) => {
  const first = setUp()
  const second = setUp()
  for (const text of ['a', 'b', 'c']) {
    write(first.transport, text)
    write(second.transport, text.toUpperCase())
  }
  await tick()
  t.equal(Buffer.concat(first.writes.flat()).toString(), 'abc')
  t.equal(Buffer.concat(second.writes.flat()).toString(), 'ABC')
})

t.test('a large piece keeps its place, uncopied', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'a')
  transport.append(Buffer.from('large'))
  write(transport, 'b')
  t.equal(transport.queuedAmount, 7)
  await tick()
  t.same(writes, [[Buffer.from('a'), Buffer.from('large'), Buffer.from('b')]])
})

t.test('room for more than a slab, and for many slabs, is found', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'x'.repeat(100_000))
  for (let i = 0; i < 100; i++) write(transport, 'y'.repeat(5_000))
  await tick()
  const written = Buffer.concat(writes.flat())
  t.ok(written.equals(Buffer.from('x'.repeat(100_000) + 'y'.repeat(500_000))))
})

t.test('answers to a chunk leave when it is read', async (t) => {
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

t.test('a callback comes when all before it has left, also with nothing to send', async () => {
  const { transport } = setUp()
  write(transport, 'a')
  await new Promise<void>((resolve, reject) => { transport.whenWritten((error) => { if (error == null) resolve(); else reject(error) }) })
  await new Promise<void>((resolve) => { transport.whenWritten(() => { resolve() }) })
})

t.test('destroy lets go what can leave at once, and nothing afterwards', async (t) => {
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

t.test('end sends what is queued, and reads on', async (t) => {
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

t.test('a stream that was paused in the handler stays so', async (t) => {
  const { stream, transport, open } = setUp()
  transport.pause()
  open()
  t.equal(stream.isPaused(), true)
  transport.resume()
  t.equal(stream.isPaused(), false)
  t.equal(transport.stream, stream)
})

t.test('while a write is under way the rest waits, and leaves in one write', async (t) => {
  const { writes, events, transport, finish, open } = setUp(() => {}, false)
  open()
  write(transport, 'first')
  await tick()
  write(transport, 'second')
  await tick()
  for (let i = 0; i < 3_000; i++) write(transport, 'more in the backlog')
  transport.append(Buffer.from('part'))
  transport.share(Buffer.from('shared'))
  await tick()
  t.same(writes, [[Buffer.from('first')]])
  const rest = 'second' + 'more in the backlog'.repeat(3_000) + 'part' + 'shared'
  t.equal(transport.bufferedAmount, 5 + rest.length)
  finish()
  await tick()
  t.equal(writes.length, 2)
  t.equal(Buffer.concat(writes[1]!).toString(), rest)
  t.same(events, [])
  finish()
  await tick()
  t.same(events, ['drained'])
  t.equal(transport.bufferedAmount, 0)
})

t.test('frames for many are not copied, and stay in order with the others', async (t) => {
  const { writes, transport } = setUp()
  const shared = Buffer.from('shared')
  transport.share(shared)
  t.equal(transport.queuedAmount, 6)
  transport.share(Buffer.from('too'))
  await tick()
  t.same(writes, [[Buffer.from('sharedtoo')]])
  transport.share(shared)
  write(transport, 'own')
  transport.share(shared)
  transport.append(Buffer.from('part'))
  await tick()
  t.equal(Buffer.concat(writes[1]!).toString(), 'sharedownsharedpart')
  transport.share(shared)
  transport.append(Buffer.from('part'))
  await tick()
  t.equal(Buffer.concat(writes[2]!).toString(), 'sharedpart')
  const large = Buffer.alloc(70_000)
  transport.share(large)
  transport.share(large)
  await tick()
  t.same(writes[3]!.map(({ length }) => length), [70_000, 70_000])
})

t.test('a callback waits for what is under way, also with nothing queued behind it', async (t) => {
  const { transport, finish, open } = setUp(() => {}, false)
  open()
  write(transport, 'a')
  await tick()
  let called = 0
  transport.whenWritten(() => { called++ })
  transport.whenWritten(() => { called++ })
  await tick()
  t.equal(called, 0)
  finish()
  await tick()
  await tick()
  t.equal(called, 2)
})

t.test('an end waits for what is queued', async (t) => {
  const { writes, stream, transport, finish, open } = setUp(() => {}, false)
  open()
  write(transport, 'a')
  await tick()
  write(transport, 'b')
  transport.end()
  t.equal(stream.writableEnded, false)
  finish()
  await tick()
  t.same(writes.flat().map(String), ['a', 'b'])
  t.equal(stream.writableEnded, false)
  finish()
  await tick()
  t.equal(stream.writableEnded, true)
})

t.test('a write that fails tells its callbacks, and the stream its error', async (t) => {
  const { events, stream, transport, finish, open } = setUp(() => {}, false)
  open()
  write(transport, 'a')
  const error = new Promise((resolve) => { transport.whenWritten(resolve) })
  const closed = new Promise((resolve) => { stream.on('close', resolve) })
  await tick()
  finish(new Error('broken'))
  t.match(await error, { message: 'broken' })
  await closed
  t.same(events, ['broken', 'closed'])
  t.match(await new Promise((resolve) => { transport.whenWritten(resolve) }), { code: 'FST_WIRE_CONNECTION_CLOSED', message: 'The connection closed before the data left' })
})

t.test('a region that began in an earlier slab is not grown over that of another', async (t) => {
  const [first, second, third] = [setUp(), setUp(), setUp()]
  // Whatever the slab holds already, these begin in a new one.
  write(third.transport, 'x'.repeat(65_536))
  write(first.transport, 'a')
  write(second.transport, 'b'.repeat(60_000))
  write(third.transport, 'c'.repeat(10_000))
  write(first.transport, 'a'.repeat(1_000))
  await tick()
  t.equal(Buffer.concat(first.writes.flat()).toString(), 'a'.repeat(1_001))
  t.ok(Buffer.concat(second.writes.flat()).equals(Buffer.alloc(60_000, 'b')))
  t.ok(Buffer.concat(third.writes.flat()).equals(Buffer.from('x'.repeat(65_536) + 'c'.repeat(10_000))))
})

t.test('what an answer that comes within a write makes us send is not lost', async (t) => {
  const { writes, stream, transport, open } = setUp((bytes, transport) => {
    if (bytes.length > 0) write(transport, 'again')
  })
  open()
  const original = stream._write.bind(stream)
  stream._write = (chunk: Buffer, encoding, callback) => {
    if (String(chunk) === 'first') receiveBytes(transport, Buffer.from('an answer'))
    original(chunk, encoding, callback)
  }
  write(transport, 'first')
  t.equal(transport.queuedAmount, 5)
  await tick()
  await tick()
  t.same(writes.flat().map(String), ['first', 'again'])
  t.equal(transport.bufferedAmount, 0)
})

t.test('drained is told once all has left, though what waited last was small', async (t) => {
  const { events, transport, finish, open } = setUp(() => {}, false)
  open()
  write(transport, 'x'.repeat(100_000))
  await tick()
  write(transport, 'small')
  finish()
  await tick()
  t.same(events, [])
  finish()
  await tick()
  t.same(events, ['drained'])
})

t.test('drained is not told by a stream that failed or was cut', async (t) => {
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

/** A transport that writes to a connection directly, and the peer, which does not read yet. */
const setUpDirectly = async (t: Test) => {
  t.equal(await prepareDirectIO(), true)
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  const [stream] = await once(server, 'connection') as [Socket]
  t.teardown(() => {
    client.destroy()
    stream.destroy()
  })
  const events: unknown[] = []
  const transport = new Transport(stream, {
    bytes: (length) => length,
    ended: () => {},
    drained: () => { events.push('drained') },
    failed: ({ message }) => { events.push(message) },
    closed: () => { events.push('closed') }
  }, true)
  transport.open(Buffer.alloc(0), true)
  return { client, stream, transport, events }
}

const readAll = async (stream: Socket): Promise<Buffer> => {
  const all: Buffer[] = []
  stream.on('data', (bytes) => { all.push(bytes) }).resume()
  await once(stream, 'end')
  return Buffer.concat(all)
}

t.test('a connection is written to without its stream, and what it does not take at once leaves later', async (t) => {
  const { client, stream, transport, events } = await setUpDirectly(t)
  stream.write = () => t.fail('the stream is not asked')
  write(transport, 'at once')
  await new Promise<void>((resolve, reject) => { transport.whenWritten((error) => { if (error == null) resolve(); else reject(error) }) })
  t.equal(transport.bufferedAmount, 0)
  transport.append(Buffer.alloc(16_000_000, 'x'))
  const called: number[] = []
  transport.whenWritten(() => { called.push(1) })
  transport.flush()
  const { bufferedAmount } = transport
  t.ok(bufferedAmount > 0 && bufferedAmount < 16_000_000)
  write(transport, 'behind it')
  transport.whenWritten(() => { called.push(2) })
  t.equal(transport.bufferedAmount, bufferedAmount + 9)
  const all = readAll(client)
  await new Promise<void>((resolve) => { transport.whenWritten(() => { resolve() }) })
  t.same(called, [1, 2])
  t.same(events, ['drained'])
  transport.end()
  t.ok((await all).equals(Buffer.concat([Buffer.from('at once'), Buffer.alloc(16_000_000, 'x'), Buffer.from('behind it')])))
})

t.test('what somebody wrote to the stream before goes first', async (t) => {
  const { client, stream, transport } = await setUpDirectly(t)
  stream.cork()
  stream.write('theirs ')
  write(transport, 'ours')
  transport.flush()
  stream.uncork()
  transport.end()
  t.equal((await readAll(client)).toString(), 'theirs ours')
})

t.test('a write that waits fails with the connection, and its callbacks get the error once', async (t) => {
  const { client, stream, transport, events } = await setUpDirectly(t)
  transport.append(Buffer.alloc(16_000_000))
  const errors: unknown[] = []
  transport.whenWritten((error) => { errors.push(error) })
  transport.flush()
  write(transport, 'behind it')
  transport.whenWritten((error) => { errors.push(error) })
  const closed = new Promise((resolve) => { stream.on('close', resolve) })
  client.resetAndDestroy()
  await closed
  await tick()
  t.match(errors, [Error, Error])
  t.equal(errors.length, 2)
  t.match(events, [/ECONNRESET|EPIPE/, 'closed'])
})

t.test('a write that the connection refuses makes the stream fail', async (t) => {
  const { client, stream, transport, events } = await setUpDirectly(t)
  const handle = Reflect.get(stream, '_handle') as { writeBuffer: unknown }
  const closed = new Promise((resolve) => { stream.on('close', resolve) })
  handle.writeBuffer = () => -32
  write(transport, 'refused')
  const error = await new Promise((resolve) => { transport.whenWritten(resolve) })
  t.match(error, { code: 'EPIPE' })
  await closed
  t.match(events, [/EPIPE/, 'closed'])
  client.destroy()
})

t.test('the slab is used again from its start when all that lay in it has left', async (t) => {
  const { client, transport } = await setUpDirectly(t)
  const all = readAll(client)
  write(transport, 'x'.repeat(65_536))
  const { chunk } = transport
  transport.flush()
  t.equal(transport.bufferedAmount, 0)
  t.equal(transport.reserve(4), 0)
  t.equal(transport.chunk, chunk)
  transport.chunk.write('next')
  const other = setUp()
  write(other.transport, 'not yet')
  transport.flush()
  t.equal(transport.reserve(4), 11, 'another region is still there')
  transport.chunk.write('last', 11)
  transport.end()
  t.equal((await all).toString('latin1', 65_536), 'nextlast')
  t.equal(Buffer.concat(other.writes.flat()).toString(), 'not yet')
})

t.test('a peer that ended before the transport opened is told to have ended', async (t) => {
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

t.test('the end, a failure and the close of a stream are told behind what is left of its bytes', async (t) => {
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

t.test('a stream is read on when what is left was received, unless it is paused', async (t) => {
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

t.test('the end of a paused stream is told when it is read on', async (t) => {
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

t.test('what is left is forgotten when the connection is cut, but for the failure that came with it', async (t) => {
  const { seen, transport } = setUpInTurns()
  transport.open(Buffer.from('abc'), false)
  transport.streamFailed(new Error('broken'))
  transport.destroy()
  await once(transport.stream, 'close')
  t.same(seen, ['a', 'broken', 'closed'])
})

t.test('a close that is told while bytes cannot be taken is told again with them left', async (t) => {
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

const LENGTH = 8_000_000

t.test('bytes of the caller are as they were in the call, whether the kernel takes all, some or none of them', async (t) => {
  const { client, transport } = await setUpDirectly(t)
  const bytes = Buffer.alloc(LENGTH)
  write(transport, 'head')
  transport.share(Buffer.from('shared'))
  const expected: Buffer[] = [Buffer.from('headshared')]
  const called: number[] = []
  for (const [index, length] of [20_000, LENGTH, LENGTH, 20_000].entries()) {
    bytes.fill(index + 1)
    transport.borrow(bytes.subarray(0, length))
    transport.whenWritten(() => { called.push(index) })
    expected.push(Buffer.from(bytes.subarray(0, length)))
    if (index === 0) t.equal(transport.queuedAmount, 0, 'a small one has left')
  }
  t.equal(transport.isStalled, true)
  bytes.fill(9)
  const all = readAll(client)
  await new Promise<void>((resolve) => { transport.whenWritten(() => { resolve() }) })
  t.same(called, [0, 1, 2, 3])
  transport.end()
  t.ok((await all).equals(Buffer.concat(expected)))
})

t.test('bytes of the caller are copied for a stream', async (t) => {
  const { writes, transport } = setUp()
  const bytes = Buffer.from('borrowed')
  transport.borrow(bytes)
  bytes.fill('x')
  await tick()
  t.same(writes, [[Buffer.from('borrowed')]])
})

t.test('bytes of the caller go behind a run', async (t) => {
  const { client, transport } = await setUpDirectly(t)
  transport.share(Buffer.from('shared '))
  transport.borrow(Buffer.from('borrowed'))
  t.equal(transport.queuedAmount, 0)
  transport.end()
  t.equal((await readAll(client)).toString(), 'shared borrowed')
})

t.test('what is much does not wait for the end of the tick', async (t) => {
  for (const send of [
    (transport: Transport) => { write(transport, 'x'.repeat(50_000)) },
    (transport: Transport) => { transport.append(Buffer.alloc(50_000, 'x')) },
    (transport: Transport) => { transport.share(Buffer.alloc(50_000, 'x')) }
  ]) {
    const { client, transport } = await setUpDirectly(t)
    for (let i = 0; i < 8; i++) send(transport)
    t.ok(transport.queuedAmount < 8 * 50_000)
    t.equal(transport.bufferedAmount, 0)
    transport.end()
    t.ok((await readAll(client)).equals(Buffer.alloc(8 * 50_000, 'x')))
  }
})

t.test('over a stream it does not wait either, and what follows waits for the stream', async (t) => {
  const { writes, transport } = setUp()
  for (let i = 0; i < 8; i++) transport.append(Buffer.alloc(50_000))
  t.equal(writes.length, 1)
  await tick()
  await tick()
  t.equal(Buffer.concat(writes.flat()).length, 8 * 50_000)
})

t.test('flushNow() sends within the tick', async (t) => {
  const { client, transport } = await setUpDirectly(t)
  const received = once(client.resume(), 'data')
  write(transport, 'now')
  transport.flushNow()
  t.equal(transport.queuedAmount, 0)
  transport.flushNow()
  t.equal(String((await received)[0]), 'now')
  const called: number[] = []
  transport.share(Buffer.from('run'))
  transport.whenWritten(() => { called.push(1) })
  transport.flushNow()
  t.same(called, [])
  await tick()
  t.same(called, [1])
  const stream = setUp()
  write(stream.transport, 'now')
  stream.transport.flushNow()
  t.same(stream.writes, [[Buffer.from('now')]])
})

t.test('what the kernel did not take in the tick is drained when it has', async (t) => {
  const { client, transport, events } = await setUpDirectly(t)
  const all = readAll(client)
  transport.borrow(Buffer.alloc(LENGTH))
  const waiting = transport.bufferedAmount
  t.ok(waiting > 0 && waiting < LENGTH)
  // The peer reads in this very tick, as one in another process would.
  while (transport.queuedAmount > 0) {
    readSome(client)
    transport.flushNow()
  }
  t.same(events, [])
  transport.flush()
  t.same(events, ['drained'])
  transport.end()
  t.equal((await all).length + read, LENGTH)
})

t.test('the end of a frame that has begun to leave is not dropped', async (t) => {
  const { client, transport } = await setUpDirectly(t)
  transport.borrow(Buffer.alloc(LENGTH))
  write(transport, 'with it')
  transport.dropWaiting()
  write(transport, 'dropped')
  transport.dropWaiting()
  transport.end()
  t.equal((await readAll(client)).length, LENGTH + 7)
})

let read = 0
const room = Buffer.alloc(65_536)

/** Takes bytes of a connection without returning to the event loop. */
function readSome (client: Socket): void {
  try {
    read += readSync((Reflect.get(client, '_handle') as { fd: number }).fd, room)
  } catch {
    // There are none.
  }
}
