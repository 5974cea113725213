// Whatever is queued, in whichever way and however slowly it leaves, arrives as it was and in its order.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { prepareDirectIO } from '../../lib/transport/direct.js'
import { Transport } from '../../lib/transport/transport.js'
import { createRandom } from '../fixtures/sink.js'

type Random = ReturnType<typeof createRandom>

/** A transport that is given random work, and remembers what has to arrive. */
class Sender {
  readonly expected: Buffer[] = []
  readonly transport: Transport
  length = 0
  callbacksDue = 0
  readonly called: number[] = []
  drains = 0
  closed = 0
  readonly errors: unknown[] = []
  #work: () => void = () => {}

  constructor (stream: Duplex, directly: boolean) {
    this.transport = new Transport(stream, {
      bytes: (length) => {
        this.#work()
        return length
      },
      ended: () => {},
      drained: () => { this.drains++ },
      failed: (error) => { this.errors.push(error) },
      closed: () => { this.closed++ }
    }, directly)
    this.transport.open(Buffer.alloc(0), directly)
  }

  work (random: Random, frames: readonly Buffer[]): void {
    const { transport } = this
    switch (random(9)) {
      case 0: return this.#append(randomFill(random, [10, 30_000, 90_000][random(3)]!))
      case 1:
      case 2: return this.share(frames[random(frames.length)]!)
      case 3: return this.#askForCallback()
      case 4: return transport.flush()
      case 5:
        // As if a chunk of input were read, during which there is more to do.
        this.#work = () => {
          this.#work = () => {}
          for (let i = random(5); i > 0; i--) this.work(random, frames)
        }
        transport.receive(0)
        return transport.received()
      default: return this.#reserve(randomFill(random, [8, 200, 17_000, 80_000][random(40) === 0 ? 3 : random(3)]!))
    }
  }

  share (frame: Buffer): void {
    this.#remember(frame)
    this.transport.share(frame)
  }

  #append (bytes: Buffer): void {
    this.#remember(bytes)
    this.transport.append(bytes)
  }

  #reserve (bytes: Buffer): void {
    this.#remember(bytes)
    const at = this.transport.reserve(bytes.length)
    bytes.copy(this.transport.chunk, at)
  }

  #askForCallback (): void {
    const number = this.callbacksDue++
    this.transport.whenWritten((error) => {
      if (error != null) this.errors.push(error)
      this.called.push(number)
    })
  }

  #remember (bytes: Buffer): void {
    this.expected.push(Buffer.from(bytes))
    this.length += bytes.length
  }
}

function randomFill (random: Random, most: number): Buffer {
  const bytes = Buffer.alloc(1 + random(most))
  for (let at = 0; at < bytes.length; at += 1 + random(64)) bytes[at] = random(256)
  return bytes
}

/** A stream whose writes are done at once, later in this turn, or in a later one. */
function createSlowStream (random: Random): { stream: Duplex, received: Buffer[] } {
  const received: Buffer[] = []
  const finish = (callback: () => void): void => {
    const when = random(3)
    if (when === 0) callback()
    else if (when === 1) process.nextTick(callback)
    else setImmediate(callback)
  }
  const stream = new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, callback) {
      received.push(Buffer.from(chunk))
      finish(callback)
    },
    ...random(2) === 0
      ? {}
      : {
          writev (chunks: Array<{ chunk: Buffer }>, callback: () => void) {
            for (const { chunk } of chunks) received.push(Buffer.from(chunk))
            finish(callback)
          }
        }
  })
  return { stream, received }
}

/** A connection whose peer reads now and then. */
async function createSlowConnection (
  t: Test, random: Random
): Promise<{ stream: Socket, received: Buffer[], wander: () => void, end: Promise<unknown> }> {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [stream] = await once(server, 'connection') as [Socket]
  t.teardown(() => {
    client.destroy()
    stream.destroy()
  })
  const received: Buffer[] = []
  client.on('data', (bytes) => { received.push(bytes) })
  const wander = (): void => {
    if (random(4) === 0) client.pause()
    else client.resume()
  }
  return { stream, received, wander, end: once(client, 'end') }
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

function check (t: Test, sender: Sender, received: readonly Buffer[], name: string): void {
  t.ok(Buffer.concat(received).equals(Buffer.concat(sender.expected)), `${name}: ${sender.length} bytes`)
  t.equal(sender.called.length, sender.callbacksDue, `${name}: each callback once`)
  t.equal(sender.called.findIndex((called, i) => called !== i), -1, `${name}: in order`)
  t.same([sender.errors, sender.transport.bufferedAmount], [[], 0], name)
}

t.test('streams of different speeds keep the order of any interleaving of work', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = createRandom(seed)
    const peers = Array.from({ length: 4 }, () => createSlowStream(random))
    const senders = peers.map(({ stream }) => new Sender(stream, false))
    const frames = Array.from({ length: 5 }, (_, i) => randomFill(random, [5, 100, 1_000, 20_000, 70_000][i]!))
    for (let step = 0; step < 60; step++) {
      for (let i = random(12); i > 0; i--) senders[random(4)]!.work(random, frames)
      if (random(4) === 0) for (const sender of senders) sender.share(frames[random(2)]!)
      if (random(3) > 0) await turn()
    }
    await Promise.all(senders.map(({ transport }) => {
      const finished = once(transport.stream, 'finish')
      transport.end()
      return finished
    }))
    await turn()
    for (const [i, { received }] of peers.entries()) check(t, senders[i]!, received, `seed ${seed}, ${i}`)
  }
})

t.test('direct connections and streams keep the order of any interleaving of work', async (t) => {
  t.equal(await prepareDirectIO(), true)
  for (let seed = 101; seed <= 103; seed++) {
    const random = createRandom(seed)
    const connections = await Promise.all(Array.from({ length: 4 }, () => createSlowConnection(t, random)))
    const slow = createSlowStream(random)
    const senders = [...connections.map(({ stream }) => new Sender(stream, true)), new Sender(slow.stream, false)]
    const frames = Array.from({ length: 5 }, (_, i) => randomFill(random, [5, 100, 1_000, 20_000, 70_000][i]!))
    for (let step = 0; step < 250; step++) {
      for (let i = random(12); i > 0; i--) senders[random(senders.length)]!.work(random, frames)
      if (random(4) === 0) for (const sender of senders) sender.share(frames[random(2)]!)
      connections[random(4)]!.wander()
      if (random(3) > 0) await turn()
    }
    const ends = connections.map(({ end }) => end)
    const finished = once(slow.stream, 'finish')
    for (const { transport } of senders) transport.end()
    for (const { wander } of connections) {
      while (connections.some(({ stream }) => !stream.writableEnded)) { wander(); await turn() }
    }
    for (const { wander } of connections) for (let i = 0; i < 20; i++) { wander(); await turn() }
    await Promise.all([...ends, finished])
    await turn()
    for (const [i, { received }] of [...connections, slow].entries()) {
      check(t, senders[i]!, received, `seed ${seed}, ${i}`)
    }
    t.ok(senders.some(({ drains }) => drains > 0), 'some had to wait')
  }
})
