import t from 'tap'
import { encodeFrame } from '../../lib/topics/frames.js'
import { createBench, stopClock } from '../fixtures/fake-websocket.js'

t.test('sending', async (t) => {
  t.test('without a connection queues a copy, which bufferedAmount counts', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    const bytes = Uint8Array.of(1, 2)
    bench.socket.send('é')
    bench.socket.send(bytes)
    bench.socket.send(bytes.buffer)
    bench.socket.send(new DataView(bytes.buffer, 1))
    bench.socket.send(new Blob(['four']))
    bench.socket.send(7 as never)
    bytes.fill(9)
    t.equal(bench.socket.bufferedAmount, 2 + 2 + 2 + 1 + 4 + 1)
    bench.ws.accept()
    const [text, first, second, view, blob, number] = bench.ws.sent
    t.same([text, first, second, view, number], ['é', Uint8Array.of(1, 2), Uint8Array.of(1, 2), Uint8Array.of(2), '7'])
    t.equal(await (blob as Blob).text(), 'four')
    t.equal(bench.socket.bufferedAmount, 0)
    bench.ws.bufferedAmount = 5
    t.equal(bench.socket.bufferedAmount, 5)
    bench.ws.end(1001)
    bench.socket.send('between')
    tick(500)
    t.same(bench.ws.accept().sent, ['between'])
  })

  t.test('data that begins with NUL wraps it in a frame, if the subprotocol is used', async (t) => {
    stopClock(t)
    const { socket, ws } = createBench(t)
    ws.greet()
    socket.send('\0text')
    socket.send(Uint8Array.of(0, 1))
    socket.send(Uint8Array.of(1, 0))
    socket.send(new Blob(['\0blob']))
    socket.send('')
    const [, text, bytes, plain, blob, empty] = ws.sent
    t.same([text, bytes, plain, empty], [
      encodeFrame({ type: 'send' }, '\0text'), encodeFrame({ type: 'send' }, Uint8Array.of(0, 1)),
      Uint8Array.of(1, 0), ''
    ])
    t.equal(
      await (blob as Blob).text(), encodeFrame({ type: 'send' }, '\0blob'), 'nobody looks into a Blob to find out'
    )
  })

  t.test('more than the queue holds drops the message and emits an error', async (t) => {
    stopClock(t)
    const few = createBench(t, { maxQueuedMessages: 1 })
    few.socket.send('a')
    few.socket.send('b')
    t.same(few.events, ['drop b full'])
    t.same(few.ws.accept().sent, ['a'])
    const small = createBench(t, { maxQueuedBytes: 3 })
    small.socket.send('ab')
    small.socket.send('é')
    small.socket.send('c')
    t.same(small.events, ['drop é full'])
    t.same(small.ws.accept().sent, ['ab', 'c'])
    const none = createBench(t, { maxQueuedMessages: 0 })
    none.socket.send('a')
    t.same(none.events, ['drop a full'])
  })

  t.test('while the connection is closing waits for the next one', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.ws.greet().readyState = 2
    bench.socket.send('late')
    bench.ws.end(1001)
    tick(500)
    bench.ws.greet()
    t.equal(bench.ws.sent[1], 'late')
  })

  t.test('continues with the queue only while the connection is open', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.socket.send('queued')
    bench.socket.onopen = () => { bench.ws.readyState = 2 }
    bench.ws.greet()
    bench.socket.onopen = null
    bench.ws.end(1001)
    tick(500)
    bench.ws.greet()
    t.same(bench.connections.map(({ sent }) => sent.slice(1)), [[], ['queued']])
  })

  t.test('to a closed socket drops the message', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t)
    bench.socket.send('queued')
    bench.socket.close()
    bench.socket.send('late')
    tick(0)
    t.same(bench.events, ['drop late closed', 'drop queued closed', 'close 1005'])
    t.equal(bench.socket.bufferedAmount, 0)
  })
})
