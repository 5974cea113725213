import t from 'tap'
import { LIVE_PROTOCOL, LiveSocket } from '../../client/live-socket.mjs'
import { encodeFrame } from '../../lib/topics/frames.js'
import { FakeWebSocket, createBench, stopClock } from '../fixtures/fake-websocket.js'

const TOPIC = '/rooms/7'

// An application that used WebSocket changes one word, and so do its types.
export const Native: typeof WebSocket = LiveSocket

t.test('LiveSocket has the constants of WebSocket, on the class and on each socket', async (t) => {
  stopClock(t)
  const { socket } = createBench(t)
  for (const states of [LiveSocket, socket]) {
    t.same([states.CONNECTING, states.OPEN, states.CLOSING, states.CLOSED], [0, 1, 2, 3])
  }
})

t.test('the constructor without any WebSocket throws an error that names the missing option', async (t) => {
  const { WebSocket } = globalThis as { WebSocket?: unknown }
  delete (globalThis as { WebSocket?: unknown }).WebSocket
  t.teardown(() => { if (WebSocket !== undefined) Object.assign(globalThis, { WebSocket }) })
  t.throws(() => new LiveSocket('ws://127.0.0.1'), { name: 'TypeError', message: /Give the option `WebSocket`/ })
})

t.test('URLs', async (t) => {
  stopClock(t)
  const urlOf = (url: string | URL): string => createBench(t, {}, [], url).ws.url
  t.equal(urlOf('ws://example.com/a'), 'ws://example.com/a')
  t.equal(urlOf('wss://example.com/a'), 'wss://example.com/a')
  t.equal(urlOf('https://example.com/a?b'), 'wss://example.com/a?b')
  t.equal(urlOf(new URL('http://example.com')), 'ws://example.com/')
  t.throws(() => new LiveSocket('/relative', [], { WebSocket: FakeWebSocket }), TypeError, 'nothing to be relative to')
  Object.assign(globalThis, { location: { href: 'https://example.com/rooms/7?x' } })
  t.teardown(() => { delete (globalThis as { location?: unknown }).location })
  t.equal(urlOf('/demo'), 'wss://example.com/demo')
  t.equal(urlOf('?y'), 'wss://example.com/rooms/7?y')
})

t.test('a function returns the URL of each connection', async (t) => {
  const tick = stopClock(t)
  let calls = 0
  const bench = createBench(t, {}, [], () => {
    calls++
    if (calls === 2) throw new Error('no token')
    return calls === 3 ? Promise.reject(new Error('no token yet')) : `ws://127.0.0.1/?token=${calls}`
  })
  const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
  t.equal(bench.socket.url, '')
  await settle()
  t.equal(bench.socket.url, 'ws://127.0.0.1/?token=1')
  bench.ws.greet().end(1001)
  t.same(bench.takeEvents(), ['open', 'reconnecting 1001 1 500'])
  tick(500)
  await settle()
  t.same(bench.takeEvents(), ['reconnecting 1006 Error: no token 2 1000'])
  tick(1000)
  await settle()
  t.same(bench.takeEvents(), ['reconnecting 1006 Error: no token yet 3 2000'])
  tick(2000)
  await settle()
  t.equal(bench.ws.url, 'ws://127.0.0.1/?token=4')
  t.equal(bench.connections.length, 2)
  bench.ws.greet().end(1001)
  tick(60_000)
  bench.socket.close()
  await settle()
  t.equal(bench.connections.length, 2, 'a URL that comes too late is not used')
})

t.test('messages', async (t) => {
  t.test('have the payload as data, its topic and its cursor', async (t) => {
    stopClock(t)
    const { socket, ws } = createBench(t)
    const seen: unknown[] = []
    socket.onmessage = function ({ data, topic, cursor, origin }) {
      seen.push([
        data, topic, cursor, origin, this === socket
      ])
    }
    ws.greet()
    ws.receive('plain')
    ws.receive(encodeFrame({ type: 'send' }, '\0begins with NUL'))
    ws.publish(TOPIC, '1', '', 'published')
    t.same(seen, [
      ['plain', undefined, undefined, 'ws://127.0.0.1', true],
      ['\0begins with NUL', undefined, undefined, 'ws://127.0.0.1', true],
      ['published', TOPIC, '1', 'ws://127.0.0.1', true]
    ])
  })

  t.test('that are binary have the type that binaryType names', async (t) => {
    stopClock(t)
    const { socket, ws } = createBench(t)
    const seen: unknown[] = []
    socket.addEventListener('message', ({ data }) => { seen.push(data) })
    ws.greet()
    t.equal(socket.binaryType, 'blob')
    t.equal(ws.binaryType, 'arraybuffer')
    const plain = Uint8Array.of(1, 2, 3)
    const published = (cursor: string, prev: string) => encodeFrame(
      { type: 'message', topic: TOPIC, cursor, prev }, Uint8Array.of(4, 5)
    )
    ws.receive(plain.buffer)
    ws.receive(published('1', '').buffer)
    const blobs = await Promise.all(seen.map(async (blob) => [...new Uint8Array(await (blob as Blob).arrayBuffer())]))
    t.same(blobs, [[1, 2, 3], [4, 5]])
    socket.binaryType = 'arraybuffer'
    ws.receive(plain.buffer)
    ws.receive(published('2', '1').buffer)
    t.same(seen.slice(2).map((buffer) => [...new Uint8Array(buffer as ArrayBuffer)]), [[1, 2, 3], [4, 5]])
  })

  t.test('that are malformed frames, or of an unknown type, are ignored', async (t) => {
    stopClock(t)
    const { ws, events } = createBench(t)
    ws.greet()
    ws.receive('\0')
    ws.receive('\0{"type":"later"}')
    ws.frame({ type: 'ping' })
    ws.frame({ type: 'hello', heartbeat: 1 })
    t.same(events, ['open'])
  })

  t.test('are not delivered once the socket closes', async (t) => {
    stopClock(t)
    const { socket, ws, events } = createBench(t, { cursors: { [TOPIC]: '0' } })
    socket.ongap = () => { socket.close() }
    ws.greet()
    ws.frame({ type: 'subscribed', topic: TOPIC, cursor: '0', isGap: false })
    ws.publish(TOPIC, '2', '1')
    ws.publish(TOPIC, '3', '2')
    t.same(events.slice(2), [`gap ${TOPIC} 1`])
  })
})

t.test('close()', async (t) => {
  t.test('closes the connection, and ends with its code and reason', async (t) => {
    const tick = stopClock(t)
    const { socket, ws, events } = createBench(t)
    ws.greet()
    socket.close(4000, 'enough')
    t.equal(socket.readyState, LiveSocket.CLOSING)
    t.same(ws.closes, [[4000, 'enough']])
    socket.close()
    ws.receive('late')
    ws.frame({ type: 'join', topic: TOPIC, member: { id: 'late' } })
    ws.end(4000, 'enough')
    t.equal(socket.readyState, LiveSocket.CLOSED)
    socket.close()
    tick(60_000)
    t.same(events, ['open', 'close 4000 enough'])
  })

  t.test('does not wait for a peer that is gone', async (t) => {
    const tick = stopClock(t)
    const { socket, ws, events } = createBench(t)
    ws.greet()
    socket.close()
    tick(3000)
    ws.end(1000)
    t.same(events, ['open', 'close 1006'], 'no error: it was meant')
  })

  t.test('ends pending attempts and delays with the given code', async (t) => {
    const tick = stopClock(t)
    for (const [prepare, code] of [
      [() => {}, 1000], [(ws: FakeWebSocket) => { ws.accept(LIVE_PROTOCOL) }, 1005],
      [(ws: FakeWebSocket) => { ws.greet().end() }, 3000]
    ] as const) {
      const bench = createBench(t)
      prepare(bench.ws)
      bench.takeEvents()
      bench.socket.close(code === 1005 ? undefined : code, 'left')
      t.same(bench.events, [], 'not before it returns')
      tick(0)
      tick(60_000)
      t.same(bench.events, [`close ${code} left`])
      t.equal(bench.connections.length, 1)
    }
  })

  t.test('in a listener of `open` prevents the queue from being sent', async (t) => {
    stopClock(t)
    const { socket, ws } = createBench(t)
    socket.send('queued')
    socket.onopen = () => { socket.close() }
    ws.accept()
    t.same(ws.sent, [])
  })

  t.test('dispatches a CloseEvent if it exists, and otherwise an event with its properties', async (t) => {
    stopClock(t)
    const { CloseEvent } = globalThis as { CloseEvent?: unknown }
    t.teardown(() => { Object.assign(globalThis, { CloseEvent }) })
    class OtherCloseEvent extends Event {
      constructor (type: string, fields: object) {
        super(type)
        Object.assign(this, fields)
      }
    }
    for (const Class of [OtherCloseEvent, undefined]) {
      Object.assign(globalThis, { CloseEvent: Class })
      const { socket, ws } = createBench(t)
      const seen: unknown[] = []
      socket.onclose = (event) => {
        seen.push(
          event instanceof OtherCloseEvent, event.code, event.reason, event.wasClean, event.target === socket
        )
      }
      ws.greet().end(1000, 'done')
      t.same(seen, [Class !== undefined, 1000, 'done', true, true])
    }
  })
})
