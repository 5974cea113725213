import { once } from 'node:events'
import {
  createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream, type ServerOptions
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Sessions } from '../../lib/upgrade/sessions.js'
import { FakeClock, replaceTimers } from '../fixtures/clock.js'
import { connectFrozen, Http2Client } from '../fixtures/http2.js'

const CANCEL = 8

/** A server whose sessions are known, with a client and the server's end of it. */
const setUp = async (t: Test, options: ServerOptions = {}, isKnown = true) => {
  const server: Http2Server = createServer({
    ...options, settings: { enableConnectProtocol: true, ...options.settings }
  })
  const sessions = new Sessions()
  if (isKnown) server.prependListener('connection', sessions.onConnection)
  server.on('session', sessions.onSession)
  server.on('session', (session) => { session.setTimeout(60_000) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const began = once(server, 'session') as Promise<[ServerHttp2Session]>
  const { port } = server.address() as AddressInfo
  const client = await Http2Client.connect(t, `http://127.0.0.1:${port}`)
  const [session] = await began
  const open = async () => {
    const accepted = once(server, 'stream') as Promise<[ServerHttp2Stream]>
    const near = client.request('/')
    const [far] = await accepted
    far.on('error', () => {})
    sessions.track(far.session as ServerHttp2Session)
    far.respond({ ':status': 200 })
    far.resume()
    sessions.addSocket(far)
    await once(near, 'response')
    return { near, far }
  }
  const timeout = (): unknown => (session as unknown as { timeout?: number }).timeout
  return { server, sessions, session, client, open, timeout, port }
}

const closed = async (stream: ServerHttp2Stream): Promise<void> => {
  if (!stream.destroyed) {
    await once(
      stream, 'close'
    )
  }
}

t.test('the first handshake enlarges the flow control windows', async (t) => {
  const { client, open, session } = await setUp(t)
  t.equal(client.session.state.remoteWindowSize, 65_535)
  const widened = once(client.session, 'remoteSettings')
  await open()
  t.match((await widened)[0], { initialWindowSize: 262_144, enableConnectProtocol: true })
  while (client.session.state.remoteWindowSize! < 1_000_000) await new Promise(setImmediate)
  t.equal(session.state.effectiveLocalWindowSize, 1_048_576)
})

t.test('window sizes that the application has set are kept', async (t) => {
  const { client, open, session, server } = await setUp(t, { settings: { initialWindowSize: 100_000 } })
  session.setLocalWindowSize(200_000)
  let isChanged = false
  client.session.on('remoteSettings', () => { isChanged = true })
  const { near } = await open()
  const ponged = new Promise((resolve) => { session.ping(resolve) })
  await ponged
  t.equal(isChanged, false)
  t.equal(session.state.effectiveLocalWindowSize, 200_000)
  near.close(CANCEL)
  t.equal(server.listening, true)
})

t.test('new settings are sent after pending settings are acknowledged', async (t) => {
  const { client, session, sessions } = await setUp(t, { maxOutstandingSettings: 1 } as ServerOptions)
  await new Promise<void>((resolve) => {
    session.pendingSettingsAck
      ? session.once(
        'localSettings', () => { resolve() }
      )
      : resolve()
  })
  session.settings({ maxConcurrentStreams: 50 })
  t.equal(session.pendingSettingsAck, true)
  sessions.track(session)
  let settings = await once(client.session, 'remoteSettings') as [{ initialWindowSize: number }]
  t.equal(settings[0].initialWindowSize, 65_535)
  settings = await once(client.session, 'remoteSettings') as [{ initialWindowSize: number }]
  t.equal(settings[0].initialWindowSize, 262_144)
})

t.test('a session has no idle timeout while it has sockets', async (t) => {
  const { open, timeout } = await setUp(t)
  t.equal(timeout(), 60_000)
  const [first, second] = [await open(), await open()]
  t.equal(timeout(), 0)
  first.near.close(CANCEL)
  await closed(first.far)
  t.equal(timeout(), 0)
  second.near.close(CANCEL)
  await closed(second.far)
  t.equal(timeout(), 60_000)
  const third = await open()
  t.equal(timeout(), 0)
  third.near.close(CANCEL)
  await closed(third.far)
})

t.test('an untracked session, or one without a timeout, keeps its timeout', async (t) => {
  const { open, session, timeout, sessions, server, client } = await setUp(t)
  const accepted = once(server, 'stream') as Promise<[ServerHttp2Stream]>
  const near = client.request('/')
  const [far] = await accepted
  sessions.addSocket(far)
  t.equal(timeout(), 60_000)
  near.close(CANCEL)
  await closed(far)
  delete (session as unknown as { timeout?: number }).timeout
  const socket = await open()
  socket.near.close(CANCEL)
  await closed(socket.far)
  t.equal(timeout(), 0)
})

t.test('a session that is closing accepts no more streams, and ends with its last one', async (t) => {
  const { open, sessions, client, session } = await setUp(t)
  const [first, second] = [await open(), await open()]
  const goaway = once(client.session, 'goaway')
  const gone = once(session, 'close')
  sessions.close()
  await goaway
  first.near.close(CANCEL)
  await closed(first.far)
  t.equal(session.destroyed, false)
  second.near.resume()
  second.near.end()
  second.far.end()
  await gone
})

t.test('a peer that keeps its connection open after the last stream does not delay close()', async (t) => {
  const { server, sessions } = await setUp(t)
  const accepted = once(server, 'stream') as Promise<[ServerHttp2Stream]>
  const frozen = connectFrozen(t, (server.address() as AddressInfo).port)
  const [far] = await accepted
  const session = far.session as ServerHttp2Session
  sessions.track(session)
  far.respond({ ':status': 200 })
  far.resume()
  sessions.addSocket(far)
  const gone = once(session, 'close')
  sessions.close()
  far.close(CANCEL)
  await gone
  t.equal(session.destroyed, true)
  t.equal(frozen.writable, true)
})

t.test('a frozen peer with open streams delays close() by the given time at most', async (t) => {
  const { server, sessions } = await setUp(t)
  const accepted = once(server, 'stream') as Promise<[ServerHttp2Stream]>
  connectFrozen(t, (server.address() as AddressInfo).port)
  const [far] = await accepted
  const session = far.session as ServerHttp2Session
  sessions.track(session)
  const gone = once(session, 'close')
  sessions.close(20)
  await gone
})

t.test('a peer that answers pings keeps its session open during close() while it has streams', async (t) => {
  const clock = new FakeClock(t)
  const { server, sessions, session, client } = await setUp(t)
  const accepted = once(server, 'stream') as Promise<[ServerHttp2Stream]>
  client.request('/')
  const [far] = await accepted
  far.on('error', () => {})
  sessions.track(session)
  const gone = once(session, 'close')
  const answered = new Promise<void>((resolve) => {
    const ping = session.ping.bind(session)
    session.ping = ((callback: (error: Error | null) => void) => ping((error) => {
      callback(error)
      resolve()
    })) as typeof session.ping
  })
  sessions.close(50)
  await answered
  // Two checks.
  for (let i = 0; i < 2; i++) {
    t.equal(clock.timers.size, 1)
    clock.advance(50)
  }
  t.equal(far.destroyed, false)
  far.close(CANCEL)
  await gone
})

t.test('a session whose first handshake comes after close() is closed as well', async (t) => {
  // Its time is not over before the client has answered.
  replaceTimers(t, { setTimeout: () => ({ unref () {} }) })
  const { server, sessions, session, client } = await setUp(t)
  sessions.close(100)
  const accepted = once(server, 'stream') as Promise<[ServerHttp2Stream]>
  const goaway = once(client.session, 'goaway')
  client.request('/')
  const [far] = await accepted
  far.on('error', () => {})
  sessions.track(session)
  const gone = once(session, 'close')
  await goaway
  far.close(CANCEL)
  const closing = closed(far)
  await closing
  // Once more does no harm.
  await new Promise(setImmediate)
  sessions.close(100)
  await gone
})
