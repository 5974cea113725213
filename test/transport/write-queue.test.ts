import { once } from 'node:events'
import fs, { readSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { receiveBytes } from '../../lib/transport/reader.js'
import { SLAB_SIZE } from '../../lib/transport/slab.js'
import { Transport } from '../../lib/transport/transport.js'
import { turn } from '../fixtures/memory.js'
import { readAll, setUp, setUpDirectly, tick, write } from '../fixtures/transport.js'

const LENGTH = 8_000_000

t.test('writes of one tick leave together in one write', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'ab')
  write(transport, 'cd')
  t.equal(transport.queuedAmount, 4)
  t.equal(transport.bufferedAmount, 0, 'none of which waits for the peer')
  await tick()
  t.same(writes, [[Buffer.from('abcd')]])
  t.equal(transport.bufferedAmount, 0)
})

t.test('two transports that write alternately do not mix their bytes', async (t) => {
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

t.test('a large part keeps its place and is not copied', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'a')
  transport.append(Buffer.from('large'))
  write(transport, 'b')
  t.equal(transport.queuedAmount, 7)
  await tick()
  t.same(writes, [[Buffer.from('a'), Buffer.from('large'), Buffer.from('b')]])
})

t.test('writes larger than one slab, or several, are queued', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'x'.repeat(100_000))
  for (let i = 0; i < 100; i++) write(transport, 'y'.repeat(5_000))
  await tick()
  const written = Buffer.concat(writes.flat())
  t.ok(written.equals(Buffer.from('x'.repeat(100_000) + 'y'.repeat(500_000))))
})

t.test('a callback runs when all earlier bytes have left, even with nothing to send', async () => {
  const { transport } = setUp()
  write(transport, 'a')
  await new Promise<void>((resolve, reject) => {
    transport.whenWritten((error) => { if (error == null) resolve(); else reject(error) })
  })
  await new Promise<void>((resolve) => { transport.whenWritten(() => { resolve() }) })
})

t.test('writes behind a pending write wait, and leave in one write', async (t) => {
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

t.test('shared frames are not copied, and keep their order with others', async (t) => {
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

t.test('a callback waits for a pending write, even with nothing queued behind it', async (t) => {
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

t.test('end() waits for queued bytes', async (t) => {
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

t.test('a failed write passes its error to its callbacks and to the stream', async (t) => {
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
  t.match(await new Promise((resolve) => { transport.whenWritten(resolve) }), {
    message: 'The connection closed before the data was sent'
  })
})

t.test('a region that began in an earlier slab does not grow into another region', async (t) => {
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

t.test('bytes sent from within a write are not lost', async (t) => {
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

t.test('drained() is called once all bytes have left, even if the last part was small', async (t) => {
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

t.test('a connection is written to directly, and the bytes that it does not take at once leave later', async (t) => {
  const { client, stream, transport, events } = await setUpDirectly(t)
  stream.write = () => t.fail('the stream is not asked')
  write(transport, 'at once')
  await new Promise<void>((resolve, reject) => {
    transport.whenWritten((error) => { if (error == null) resolve(); else reject(error) })
  })
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
  t.ok((await all).equals(Buffer.concat([
    Buffer.from('at once'), Buffer.alloc(16_000_000, 'x'), Buffer.from('behind it')
  ])))
})

t.test('bytes written to the stream by others leave first', async (t) => {
  const { client, stream, transport } = await setUpDirectly(t)
  stream.cork()
  stream.write('theirs ')
  write(transport, 'ours')
  transport.flush()
  stream.uncork()
  transport.end()
  t.equal((await readAll(client)).toString(), 'theirs ours')
})

t.test('a pending write fails with its connection, and its callbacks receive the error once', async (t) => {
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

t.test('bytes of a pending write are not overwritten', async (t) => {
  const events = {
    bytes: (length: number) => length, ended: () => {}, drained: () => {}, failed: () => {}, closed: () => {}
  }
  // Unlike a copy, what a stream was given shows what becomes of it.
  const given: Buffer[] = []
  const create = (finishes: boolean): Transport => new Transport(new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, callback) {
      given.push(chunk)
      if (finishes) callback()
    }
  }), events, false)
  // From here on nothing else lies in the slab.
  write(create(true), 'x'.repeat(SLAB_SIZE))
  await tick()
  write(create(false), 'first')
  await tick()
  write(create(false), 'other')
  await tick()
  t.same(given.slice(1).map(String), ['first', 'other'])
})

t.test('a slab is reused from its start when all its bytes have left', async (t) => {
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

t.test("the caller's bytes are sent as they were in the call, however many of them the kernel takes", async (t) => {
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

t.test("the caller's bytes are copied for a stream", async (t) => {
  const { writes, transport } = setUp()
  const bytes = Buffer.from('borrowed')
  transport.borrow(bytes)
  bytes.fill('x')
  await tick()
  t.same(writes, [[Buffer.from('borrowed')]])
})

t.test("the caller's bytes are sent after shared frames before them", async (t) => {
  const { client, transport } = await setUpDirectly(t)
  transport.share(Buffer.from('shared '))
  transport.borrow(Buffer.from('borrowed'))
  t.equal(transport.queuedAmount, 0)
  transport.end()
  t.equal((await readAll(client)).toString(), 'shared borrowed')
})

t.test('a large amount is written before the end of the tick', async (t) => {
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

t.test('a large amount is written to a stream at once, and later bytes wait for the stream', async (t) => {
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

t.test('drained() is called when the kernel has taken the rest after the tick', async (t) => {
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

t.test('the rest of a frame that has partly left is not dropped', async (t) => {
  const { client, transport } = await setUpDirectly(t)
  transport.borrow(Buffer.alloc(LENGTH))
  write(transport, 'with it')
  transport.dropWaiting()
  write(transport, 'dropped')
  transport.dropWaiting()
  transport.end()
  t.equal((await readAll(client)).length, LENGTH + 7)
})

t.test('a large amount behind a pending write waits for the peer at the end of the tick', async (t) => {
  const { writes, transport, events, finish } = setUp(undefined, false)
  write(transport, 'under way')
  await tick()
  transport.append(Buffer.alloc(300_000, 'x'))
  t.equal(transport.isStalled, false)
  await tick()
  t.equal(transport.isStalled, true)
  t.equal(writes.length, 1)
  finish()
  t.equal(writes.length, 2)
  finish()
  t.same(events, ['drained'])
  t.equal(transport.queuedAmount, 0)
})

t.test('the kernel may take some parts whole and one in part: the rest continues where it stopped', async (t) => {
  const { client, transport } = await setUpDirectly(t)
  const { writevSync } = fs
  fs.writevSync = (fd, [first, second]) => writevSync(fd, [first!, (second as Buffer).subarray(0, 2)])
  syncBuiltinESMExports()
  t.teardown(restore)
  function restore (): void {
    fs.writevSync = writevSync
    syncBuiltinESMExports()
  }
  for (const text of ['first', 'second', 'third']) transport.append(Buffer.from(text))
  transport.flushNow()
  t.equal(transport.queuedAmount, 'condthird'.length)
  t.equal(transport.bufferedAmount, 'condthird'.length)
  restore()
  transport.end()
  t.equal(String(await readAll(client)), 'firstsecondthird')
})

t.test('bytes that wait for the peer leave as it reads, and are not offered to the kernel again', async (t) => {
  const { client, transport } = await setUpDirectly(t)
  transport.borrow(Buffer.alloc(LENGTH))
  transport.waitForPeer()
  const waiting = transport.queuedAmount
  t.ok(waiting > 0)
  const before = read
  readSome(client)
  transport.flushNow()
  t.equal(transport.queuedAmount, waiting)
  transport.end()
  t.equal((await readAll(client)).length, LENGTH - (read - before))
})

t.test('bytes written after the end are dropped, and their callbacks receive an error', async (t) => {
  const { writes, transport } = setUp()
  write(transport, 'before')
  transport.end()
  transport.end()
  await turn()
  write(transport, 'after')
  const error = await new Promise((resolve) => { transport.whenWritten(resolve) })
  t.match(error, { code: 'FST_WIRE_CONNECTION_CLOSED' })
  await tick()
  t.equal(transport.queuedAmount, 0)
  t.same(writes.flat().map(String), ['before'])
})

t.test('queued bytes can be dropped with an error for their callbacks; pending writes still leave', async (t) => {
  const { writes, transport, finish } = setUp(undefined, false)
  const results: unknown[] = []
  write(transport, 'under way')
  transport.whenWritten((error) => { results.push(error) })
  await tick()
  write(transport, 'dropped')
  transport.whenWritten((error) => { results.push((error as { code?: string } | undefined)?.code) })
  transport.dropWaiting()
  t.equal(transport.queuedAmount, 'under way'.length)
  finish()
  await turn()
  t.same(results, [undefined, 'FST_WIRE_CONNECTION_CLOSED'])
  t.same(writes.flat().map(String), ['under way'])
})

t.test('the callback of a pending write receives an error once when the stream is destroyed', async (t) => {
  const { stream, transport, open, finish } = setUp(undefined, false)
  const results: unknown[] = []
  open()
  write(transport, 'under way')
  transport.whenWritten((error) => { results.push((error as { code?: string } | undefined)?.code) })
  await tick()
  stream.destroy()
  await once(stream, 'close')
  await turn()
  t.same(results, ['FST_WIRE_CONNECTION_CLOSED'])
  finish()
  await turn()
  t.equal(results.length, 1)
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
