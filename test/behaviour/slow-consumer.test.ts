// A peer that does not read: its queue stays complete, and every callback is called.
import type { Socket } from 'node:net'
import t from 'tap'
import type { WireSocket } from '../../index.js'
import { closeOf } from '../fixtures/client.js'
import { converse } from '../fixtures/conversation.js'
import { readFrames } from '../fixtures/frames.js'
import { turn } from '../fixtures/memory.js'
import { createRandom } from '../fixtures/sink.js'

const SIZES = [0, 1, 125, 126, 1_000, 5_000, 16_384, 16_385, 65_535, 65_536, 300_000, 1_048_576]
const random = createRandom(6)
const SOURCE = Buffer.alloc(2_097_152)
for (let at = 0; at < SOURCE.length; at += 4) SOURCE.writeUInt32LE(random(0x1_0000_0000), at)

/** Sends so many bytes, the greater part of them in one tick, the rest in many. */
async function sendLots (
  socket: WireSocket, total: number, callback: (number: number, error?: Error | null) => void
): Promise<Buffer[]> {
  const payloads: Buffer[] = []
  for (let sent = 0; sent < total;) {
    const number = payloads.length
    // A number in front, so that two messages of one size differ.
    const start = number * 64 % 1_000_000
    const payload = SOURCE.subarray(start, start + SIZES[number % SIZES.length]!)
    payloads.push(payload)
    sent += payload.length
    socket.send(payload, (error) => { callback(number, error) })
    if (sent > total / 2 && number % 5 === 0) await turn()
  }
  return payloads
}

/** The next bytes that come to a bare client, which does not look for frames in them. */
function readBytes (socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const all: Buffer[] = []
    let received = 0
    socket.removeAllListeners('data').on('data', (bytes: Buffer) => {
      all.push(bytes)
      received += bytes.length
      if (received >= length) resolve(Buffer.concat(all))
    }).resume()
  })
}

t.test('64 MiB of queued messages arrive complete and in order, with one callback each and one drain', async (t) => {
  const { client, socket } = await converse(t, { backpressure: false })
  client.socket.pause()
  const called: number[] = []
  const errors: unknown[] = []
  let drains = 0
  socket.on('drain', () => { drains++ })
  const payloads = await sendLots(socket, 67_108_864, (number, error) => {
    called.push(number)
    if (error != null) errors.push(error)
  })
  await turn()
  t.ok(socket.bufferedAmount > 40_000_000)
  t.equal(drains, 0)
  let length = 0
  for (const payload of payloads) {
    length += payload.length + (payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10)
  }
  const left = new Promise<void>((resolve) => { socket.ping('last', true, () => { resolve() }) })
  const frames = readFrames(await readBytes(client.socket, length + 6))
  await left
  await turn()
  t.equal(frames.length, payloads.length + 1)
  t.same(payloads.findIndex((payload, i) => frames[i]!.opcode !== 2 || !frames[i]!.payload.equals(payload)), -1)
  t.equal(frames.at(-1)!.payload.toString(), 'last')
  t.same(called, payloads.map((_, i) => i))
  t.same(errors, [])
  t.equal(drains, 1)
  t.equal(socket.bufferedAmount, 0)
})

t.test('terminate() during a transfer calls each pending callback once with an error, without drain', async (t) => {
  const { client, socket } = await converse(t, { backpressure: false })
  client.socket.pause()
  const outcomes: string[] = []
  const drained = (): void => { t.fail('nothing has left') }
  socket.on('drain', drained)
  const payloads = await sendLots(
    socket, 33_554_432, (number, error) => { outcomes.push(`${number} ${error == null ? 'sent' : 'failed'}`) }
  )
  await readBytes(client.socket, 3_000_000)
  const closed = closeOf(socket)
  const waiting = payloads.length - outcomes.length
  t.ok(waiting > 0)
  socket.terminate()
  socket.send('too late', (error) => { outcomes.push(`last ${error == null ? 'sent' : 'failed'}`) })
  t.equal(await closed, 1006)
  await turn()
  t.equal(outcomes.length, payloads.length + 1)
  t.same(outcomes.map((outcome) => outcome.split(' ')[0]), [...payloads.keys(), 'last'].map(String))
  t.same(outcomes.slice(-waiting - 1).filter((outcome) => !outcome.endsWith('failed')), [])
  t.equal(socket.bufferedAmount, 0)
})

t.test('a lost connection during a transfer calls each pending callback with an error', async (t) => {
  const { client, socket } = await converse(t, { backpressure: false })
  client.socket.pause()
  const outcomes: string[] = []
  const payloads = await sendLots(
    socket, 33_554_432, (_number, error) => { outcomes.push(error == null ? 'sent' : 'failed') }
  )
  const closed = closeOf(socket)
  client.socket.resetAndDestroy()
  t.equal(await closed, 1006)
  await turn()
  t.equal(outcomes.length, payloads.length)
  t.ok(outcomes.includes('failed'))
  t.equal(outcomes.lastIndexOf('sent') < outcomes.indexOf('failed'), true)
})

t.test('a peer that does not read does not delay another peer', async (t) => {
  const slow = await converse(t, { backpressure: false })
  slow.client.socket.pause()
  slow.socket.send(Buffer.alloc(16_777_216))
  const { client, socket } = await converse(t, { backpressure: false })
  for (let i = 0; i < 500; i++) {
    slow.socket.send(`slow ${i}`)
    socket.send(`fast ${i}`)
    if (i % 10 === 0) await turn()
  }
  const texts: string[] = []
  while (texts.length < 500) texts.push(await client.readText())
  t.same(texts, Array.from({ length: 500 }, (_, i) => `fast ${i}`))
  t.ok(slow.socket.bufferedAmount > 0)
  slow.socket.terminate()
  await closeOf(slow.socket)
})
