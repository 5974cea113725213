import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t from 'tap'
import * as page from '../../lib/codec/page.js'
import { Transport } from '../../lib/transport/transport.js'

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
    bytes: (length) => { onBytes(Buffer.from(page.bytes.subarray(0, length)), transport) },
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
  t.equal(transport.bufferedAmount, 4)
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
  t.equal(transport.bufferedAmount, 7)
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

t.test('destroy drops what is queued, and says so', async (t) => {
  const { writes, events, stream, transport, open } = setUp()
  open()
  write(transport, 'a')
  const closed = once(stream, 'close')
  const error = await new Promise((resolve) => {
    transport.whenWritten(resolve)
    transport.destroy()
  })
  t.ok(error instanceof Error)
  await closed
  write(transport, 'b')
  await tick()
  t.same(writes, [])
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
  t.equal(transport.bufferedAmount, 6)
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
  t.match(await new Promise((resolve) => { transport.whenWritten(resolve) }), { message: 'The connection closed before the data left' })
})
