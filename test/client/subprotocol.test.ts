import t from 'tap'
import { LIVE_PROTOCOL, LiveSocket } from '../../client/live-socket.mjs'
import { encodeFrame } from '../../lib/topics/frames.js'
import { createBench, stopClock } from '../fixtures/fake-websocket.js'

const TOPIC = '/rooms/7'

t.test('the live subprotocol', async (t) => {
  t.test('is offered after those of the application, and protocol is their one that the server chose', async (t) => {
    stopClock(t)
    const { socket, ws, events } = createBench(t, {}, ['chat', 'news'])
    t.same(ws.protocols, ['chat', 'news', LIVE_PROTOCOL])
    ws.accept(LIVE_PROTOCOL)
    t.equal(socket.readyState, LiveSocket.CONNECTING, 'before hello')
    ws.frame({ type: 'hello', heartbeat: 0, protocol: 'news' })
    t.equal(socket.readyState, LiveSocket.OPEN)
    t.equal(socket.protocol, 'news')
    t.same(events, ['open'])
  })

  t.test('is answered by resume, even without topics to resume', async (t) => {
    stopClock(t)
    const { socket, ws } = createBench(t)
    socket.addEventListener('open', () => { socket.send('first') })
    socket.send('queued')
    ws.greet()
    t.same(ws.sent, [encodeFrame({ type: 'resume', topics: {} }), 'first', 'queued'])
    t.equal(socket.protocol, '')
  })

  t.test('is not offered with live: false', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t, { live: false }, 'chat')
    t.same(bench.ws.protocols, ['chat'])
    bench.ws.fail()
    tick(500)
    t.same(bench.connections.map(({ protocols }) => protocols), [['chat'], ['chat']])
  })

  t.test('is not used if the server chose another one, or none', async (t) => {
    stopClock(t)
    for (const protocol of ['chat', '']) {
      const { socket, ws, events } = createBench(t, {}, 'chat')
      ws.accept(protocol)
      ws.receive('\0{"type":"ping"}')
      t.equal(socket.protocol, protocol)
      socket.send('\0')
      t.same(ws.sent, ['\0'], 'no frames')
      t.same(events, ['open', 'message \0{"type":"ping"}'])
    }
  })

  t.test('is not used if a server that accepts any subprotocol sends no hello', async (t) => {
    const tick = stopClock(t)
    const silent = createBench(t)
    silent.ws.accept(LIVE_PROTOCOL)
    tick(1999)
    t.same(silent.events, [])
    tick(1)
    t.same(silent.events, ['open'])
    t.equal(silent.socket.protocol, '')
    t.same(silent.ws.sent, [])
    const talking = createBench(t)
    talking.ws.accept(LIVE_PROTOCOL)
    talking.ws.receive('\0 welcome')
    talking.ws.receive('again')
    t.same(talking.events, ['open', 'message \0 welcome', 'message again'])
  })

  t.test('is used from a late hello on', async (t) => {
    const tick = stopClock(t)
    const { ws, events } = createBench(t)
    ws.accept(LIVE_PROTOCOL)
    tick(2000)
    ws.frame({ type: 'hello', heartbeat: 1000 })
    t.same(ws.frames, [{ type: 'resume', topics: {} }])
    tick(1000)
    t.same(events, ['open', 'reconnecting 1006 silent 1 500'])
  })

  t.test('is expected of a server that has used it before', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.ws.greet().end(1001)
    tick(500)
    bench.ws.accept(LIVE_PROTOCOL)
    tick(2000)
    t.same(bench.events, ['open', 'reconnecting 1001 1 500', 'reconnecting 1006 no hello 2 1000'])
  })

  t.test('is no longer offered if a handshake fails with it, succeeds without it, and fails again', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t, {}, 'chat')
    const offers = (): boolean[] => bench.connections.map(({ protocols }) => protocols.includes(LIVE_PROTOCOL))
    bench.ws.fail()
    t.same(offers(), [true, false], 'at once')
    bench.ws.fail()
    t.same(bench.takeEvents(), ['reconnecting 1006 1 500'], 'the server is not there')
    tick(500)
    bench.ws.fail()
    const doubted = bench.ws.accept('chat')
    t.same(offers(), [true, false, true, false, true])
    t.same(doubted.closes, [[undefined, undefined]])
    bench.ws.fail()
    bench.ws.accept('chat')
    t.same(bench.takeEvents(), ['open'])
    bench.ws.end(1001)
    tick(1000)
    bench.ws.fail()
    t.same(offers(), [true, false, true, false, true, false, false], 'from now on it is not offered')
    t.same(bench.takeEvents(), ['reconnecting 1001 2 1000', 'reconnecting 1006 3 2000'])
  })

  t.test('is still offered if the server came back between two attempts', async (t) => {
    stopClock(t)
    const bench = createBench(t)
    bench.ws.fail()
    bench.ws.accept()
    bench.ws.greet()
    t.same(bench.events, ['open'])
    t.equal(bench.connections.length, 3)
  })

  t.test('emits gaps if the server no longer uses it', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.ws.greet().frame({ type: 'subscribed', topic: TOPIC, cursor: '1', isGap: false })
    bench.ws.end(1001)
    tick(500)
    bench.ws.accept()
    t.same(bench.events.slice(3), ['open', `gap ${TOPIC}`])
    t.same(bench.socket.cursors, {})
  })
})
