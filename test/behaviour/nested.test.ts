// The receive buffer holds one chunk at a time, even with nested reads, and listeners get no view of it.
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t from 'tap'
import * as receiveBuffer from '../../lib/codec/receive-buffer.js'
import { Transport } from '../../lib/transport/transport.js'
import { converse } from '../fixtures/conversation.js'
import { clientFrame } from '../fixtures/frames.js'
import { createMemorySocket, turn } from '../fixtures/memory.js'
import { createRandom } from '../fixtures/sink.js'

/** Two ends of a stream in memory: what one writes the other reads before the write returns. */
function createPair (): [Duplex, Duplex] {
  const ends: Duplex[] = []
  const createEnd = (other: () => Duplex): Duplex => new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, callback) {
      other().push(chunk)
      callback()
    },
    final (callback) {
      other().push(null)
      callback()
    }
  })
  ends.push(createEnd(() => ends[1]!), createEnd(() => ends[0]!))
  return ends as [Duplex, Duplex]
}

t.test('two sockets that answer each other within their reads keep all bytes in order', async (t) => {
  const streams = createPair()
  const received = ['', '']
  const total = 3_000
  let answers = 0
  const transports: Transport[] = streams.map((stream, i) => new Transport(stream, {
    bytes (length) {
      const before = receiveBuffer.bytes.toString('latin1', 0, length)
      received[i] += before
      // Each byte is answered by one, at once, and a write of its own.
      for (let at = 0; at < length && answers < total; at++) {
        const transport = transports[i]!
        const to = transport.reserve(2)
        transport.chunk.write(String.fromCharCode(97 + answers++ % 26) + before[at]!, to, 'latin1')
        if (at % 2 === 0) transport.flush()
      }
      if (receiveBuffer.bytes.toString('latin1', 0, length) !== before) t.fail('the page was read into meanwhile')
      return length
    },
    ended () {},
    drained () {},
    failed (error) { t.fail(error.message) },
    closed () {}
  }, false))
  const sent = ['', '']
  for (const [i, stream] of streams.entries()) {
    const write = stream._write.bind(stream)
    stream._write = (chunk: Buffer, encoding, callback) => {
      sent[i] += chunk.toString('latin1')
      write(chunk, encoding, callback)
    }
  }
  for (const transport of transports) transport.open(Buffer.alloc(0), false)
  transports[0]!.append(Buffer.from('begin'))
  const ended = once(streams[0], 'end')
  const isDone = (): boolean => answers === total && transports.every(({ bufferedAmount }) => bufferedAmount === 0)
  while (!isDone()) await turn()
  transports[1]!.end()
  await ended
  t.equal(sent[0]!.length + sent[1]!.length, 5 + 2 * total)
  t.equal(received[0], sent[1])
  t.equal(received[1], sent[0])
})

t.test('a listener that makes other sockets receive still sees its own message unchanged', async (t) => {
  const random = createRandom(4)
  const ring = Array.from({ length: 5 }, () => createMemorySocket())
  const seen: string[][] = ring.map(() => [])
  const expected: string[][] = ring.map(() => [])
  const message = (hops: number): Buffer => Buffer.from(`${hops} ` +
    String.fromCharCode(97 + hops % 26).repeat(random(4) === 0 ? 20_000 : random(200)))
  const deliver = (i: number, hops: number): void => {
    const payload = message(hops)
    expected[i]!.push(payload.toString())
    ring[i]!.stream.push(clientFrame(1, payload))
  }
  for (const [i, { socket }] of ring.entries()) {
    socket.on('message', (data) => {
      const text = data.toString()
      const hops = Number.parseInt(text)
      // Two at once, one of them to itself at times.
      if (hops > 0) {
        deliver((i + 1) % ring.length, hops - 1)
        if (hops % 7 === 0) deliver(i, 0)
      }
      socket.send(text)
      if (data.toString() !== text) t.fail(`the message ${text.slice(0, 20)} changed`)
      seen[i]!.push(text)
    })
  }
  deliver(0, 500)
  // It is more than one turn of the loop has time for.
  while (seen.flat().length < expected.flat().length) await turn()
  for (let i = 0; i < ring.length; i++) {
    t.same(seen[i], expected[i])
    t.same(ring[i]!.frames().map(({ payload }) => payload.toString()), seen[i])
  }
})

t.test('messages that a listener keeps stay unchanged, however many follow', async (t) => {
  const { client, socket } = await converse(t)
  const random = createRandom(9)
  const sizes = [...Array.from({ length: 301 }, (_, size) => size), 5_000, 70_000, 1_048_576]
  const content = (number: number, size: number, isBinary: boolean): Buffer => {
    // Text has a character of two bytes at times, so that both ways to check it are taken.
    const bytes = Buffer.alloc(size, isBinary
      ? Buffer.from([
        number & 0xff, number >> 8, 0xff, size & 0xff
      ])
      : `${number % 3 === 0 ? 'é' : 'e'}${number} `)
    if (!isBinary && size > 0 && bytes[size - 1] === 0xc3) bytes[size - 1] = 0x2e
    return bytes
  }
  const kept: Array<{ data: Buffer, isBinary: boolean }> = []
  const messages: Array<{ number: number, size: number, isBinary: boolean }> = []
  for (const isBinary of [true, false]) {
    for (const size of sizes) messages.push({ number: messages.length, size, isBinary })
  }
  while (messages.length < 6_000) {
    messages.push({ number: messages.length, size: random(300), isBinary: random(2) === 0 })
  }
  const all = new Promise<void>((resolve) => {
    socket.on('message', (data, isBinary) => {
      kept.push({ data: data as Buffer, isBinary })
      if (kept.length === messages.length) resolve()
    })
  })
  for (let at = 0; at < messages.length;) {
    const next = messages.slice(at, at += 1 + random(100))
    client.write(Buffer.concat(next.map(({ number, size, isBinary }) => clientFrame(
      isBinary ? 2 : 1, content(number, size, isBinary)
    ))))
    if (random(4) === 0) await turn()
  }
  await all
  const wrong = messages.filter(({ number, size, isBinary }, i) => kept[i]!.isBinary !== isBinary ||
    !kept[i]!.data.equals(content(number, size, isBinary)))
  t.same(wrong, [])
})
