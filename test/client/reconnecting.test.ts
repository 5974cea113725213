import t from 'tap'
import { LIVE_PROTOCOL, LiveSocket } from '../../client/live-socket.mjs'
import { createBench, stopClock } from '../fixtures/fake-websocket.js'

t.test('reconnecting', async (t) => {
  t.test('waits a random part of a delay that doubles up to its maximum', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t, { minBackoff: 100, maxBackoff: 500 })
    bench.ws.greet().end()
    for (const delay of [50, 100, 200, 250, 250]) {
      t.match(bench.takeEvents().at(-1), new RegExp(` ${delay}$`))
      const { length } = bench.connections
      tick(delay - 1)
      t.equal(bench.connections.length, length)
      tick(1)
      t.equal(bench.connections.length, length + 1)
      bench.ws.fail()
    }
  })

  t.test('starts with the shortest delay after a connection that lasted longer than the last delay', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.ws.greet().end()
    tick(500)
    bench.ws.fail()
    tick(1000)
    bench.ws.greet()
    tick(1999)
    bench.ws.end()
    t.equal(bench.events.at(-1), 'reconnecting 1006 3 2000', 'a server that accepts and fails is not hammered')
    tick(2000)
    bench.ws.greet()
    tick(4000)
    bench.ws.end()
    t.equal(bench.events.at(-1), 'reconnecting 1006 1 500')
  })

  t.test('waits as long as the server asks, plus a random time', async (t) => {
    const tick = stopClock(t)
    for (const [code, reason, delay] of [
      [1012, 'retry-after=5', 5500], [1013, 'overloaded; retry-after=60', 60_500], [1012, 'retry-after=999999', 500],
      [1012, 'restart', 500]
    ] as const) {
      const bench = createBench(t)
      bench.ws.greet().end(code, reason)
      t.equal(bench.events.at(-1), `reconnecting ${code} ${reason} 1 ${delay}`)
      tick(delay - 1)
      t.equal(bench.connections.length, 1)
      tick(1)
      t.equal(bench.connections.length, 2)
    }
  })

  t.test('stops after a close with 1000, 1008 or 4000 and above', async (t) => {
    stopClock(t)
    for (const code of [1000, 1008, 4000, 4999]) {
      const { socket, ws, events } = createBench(t)
      ws.greet().end(code, 'so it is')
      t.same(events, ['open', `close ${code} so it is`])
      t.equal(socket.readyState, LiveSocket.CLOSED)
      const early = createBench(t)
      early.ws.accept(LIVE_PROTOCOL).end(code, 'so it is')
      t.same(early.events.at(-1), `close ${code} so it is`, 'before hello')
    }
    for (const code of [1001, 1002, 1005, 1006, 1009, 1011, 1012, 1013, 1014, 3000]) {
      const { socket, ws } = createBench(t)
      ws.greet().end(code)
      t.equal(socket.readyState, LiveSocket.CONNECTING, String(code))
    }
  })

  t.test('stops after a refusal if the WebSocket reports it', async (t) => {
    stopClock(t)
    for (const [message, isEnd] of [
      ['Unexpected server response: 401', true], ['Unexpected server response: 404', true],
      ['Unexpected server response: 429', false],
      ['Unexpected server response: 503', false], ['connect ECONNREFUSED 127.0.0.1:443', false], [undefined, false]
    ] as const) {
      const { ws, events, socket } = createBench(t, { live: false })
      ws.fail(message)
      t.equal(socket.readyState, isEnd ? LiveSocket.CLOSED : LiveSocket.CONNECTING, String(message))
      if (isEnd) t.same(events, ['error', `close 1006 ${message}`])
    }
  })

  t.test('continues after a failed handshake, with or without `close` after `error`', async (t) => {
    const tick = stopClock(t)
    for (const hasClose of [true, false]) {
      const bench = createBench(t)
      bench.ws.fail('refused', hasClose)
      bench.ws.fail('refused', hasClose)
      t.equal(bench.connections.length, 2)
      t.same(bench.events, ['reconnecting 1006 refused 1 500'])
      tick(500)
      t.equal(bench.connections.length, 3)
    }
  })

  t.test('waits for `close` to learn how an open connection ended', async (t) => {
    stopClock(t)
    const { ws, events } = createBench(t)
    ws.greet()
    ws.onerror!({ message: 'invalid frame' })
    ws.end(1002)
    t.same(events, ['open', 'reconnecting 1002 1 500'])
  })

  t.test('follows the option `reconnect`', async (t) => {
    const tick = stopClock(t)
    const calls: unknown[] = []
    const bench = createBench(t, {
      reconnect: (...args) => {
        calls.push(args)
        return args[2] < 3
      }
    })
    bench.ws.greet().end(4001, 'expired')
    tick(500)
    bench.ws.fail('refused')
    tick(1000)
    bench.ws.fail()
    t.same(calls, [[4001, 'expired', 1], [1006, 'refused', 2], [1006, '', 3]])
    t.same(bench.events.slice(-2), ['error', 'close 1006'])
  })

  t.test('ends the socket if the option `reconnect` throws', async (t) => {
    stopClock(t)
    const bench = createBench(t, { reconnect: () => { throw new Error('of the application') } })
    bench.ws.greet()
    t.throws(() => { bench.ws.end() }, { message: 'of the application' })
    t.equal(bench.socket.readyState, LiveSocket.CLOSED)
    t.same(bench.events, ['open', 'error', 'close 1006'])
    bench.socket.close()
  })

  t.test('continues after an attempt that takes too long', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t, { connectTimeout: 3000 })
    const [first] = bench.connections
    tick(3000)
    t.same(bench.events, ['reconnecting 1006 timeout 1 500'])
    t.same(first!.closes, [[undefined, undefined]])
    tick(500)
    first!.accept()
    first!.receive('late')
    first!.fail('closed before it was open')
    t.same(bench.takeEvents(), ['reconnecting 1006 timeout 1 500'], 'what an earlier connection reports is not heard')
    t.equal(bench.connections.length, 2)
    bench.ws.greet()
    t.same(bench.events, ['open'])
  })

  t.test('emits `open` for each new connection, and `close` only at the end', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.ws.greet().end()
    tick(500)
    bench.ws.greet().end(4000)
    t.same(bench.events, ['open', 'reconnecting 1006 1 500', 'open', 'close 4000'])
  })
})
