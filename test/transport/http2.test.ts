import { once } from 'node:events'
import { createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { destroyStream, endStream, isHttp2Stream, progressOf } from '../../lib/transport/http2.js'
import { Http2Client } from '../fixtures/http2.js'

/** Both ends of a stream of HTTP/2. */
const createStreams = async (t: Test) => {
  const server = createServer({ settings: { enableConnectProtocol: true } })
  t.teardown(() => { server.close() })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await Http2Client.connect(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const accepted = once(server, 'stream') as Promise<[ServerHttp2Stream]>
  const near = client.request('/')
  const [far] = await accepted
  far.respond({ ':status': 200 })
  far.on('error', () => {})
  far.resume()
  await once(near, 'response')
  return { near, far }
}

t.test('a stream of HTTP/2 is recognized', async (t) => {
  const { far } = await createStreams(t)
  t.equal(isHttp2Stream(far), true)
  t.equal(isHttp2Stream(new PassThrough()), false)
})

t.test('destroyStream() resets an HTTP/2 stream with CANCEL and destroys any other', async (t) => {
  const { near, far } = await createStreams(t)
  const closed = once(near, 'close')
  destroyStream(far)
  t.equal(far.destroyed, true)
  await closed
  t.equal(near.rstCode, 8)
  const other = new PassThrough()
  destroyStream(other)
  t.equal(other.destroyed, true)
})

t.test('an HTTP/2 stream whose peer keeps its side open is closed after a moment, without an error', async (t) => {
  const { near, far } = await createStreams(t)
  near.resume()
  const ended = once(near, 'end')
  const closed = once(far, 'close')
  endStream(far, 10)
  await ended
  await closed
  t.equal(far.rstCode, 0)
  t.equal(near.rstCode, 0)
})

t.test('a stream whose peer has ended, or that is not HTTP/2, needs no timer', async (t) => {
  const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const { near, far } = await createStreams(t)
  near.resume()
  near.once('end', () => { near.end() })
  const closed = once(far, 'close')
  endStream(far)
  await closed
  const other = new PassThrough()
  other.resume()
  endStream(other)
  await once(other, 'end')
  t.equal(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length, before)
})

t.test('progress of an HTTP/2 peer is visible while bytes are pending', async (t) => {
  const { near, far } = await createStreams(t)
  near.pause()
  t.equal(progressOf(far), 0)
  far.write(Buffer.alloc(4_194_304))
  await once(near, 'readable')
  // Until it has come to a standstill.
  let before = -1
  while (before !== progressOf(far)) {
    before = progressOf(far)
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }
  t.ok(before > 0)
  // What the peer reads opens its window again.
  near.resume()
  while (progressOf(far) === before) await new Promise(setImmediate)
  t.ok(far.writableLength > 0)
  far.destroy()
  t.equal(progressOf(far), 0)
})
