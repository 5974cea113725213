import t from 'tap'
import { createBench, stopClock } from '../fixtures/fake-websocket.js'

const TOPIC = '/rooms/7'

t.test('topics', async (t) => {
  const subscribed = (
    cursor: string, isGap = false, topic = TOPIC
  ) => ({ type: 'subscribed', topic, cursor, isGap }) as const

  t.test('are resumed after their last cursor on every connection', async (t) => {
    const tick = stopClock(t)
    const bench = createBench(t, { cursors: { [TOPIC]: '1', other: '' } })
    bench.ws.greet()
    t.same(bench.ws.frames, [{ type: 'resume', topics: { [TOPIC]: '1', other: '' } }])
    bench.ws.frame(subscribed('1'))
    bench.ws.frame(subscribed('', false, 'other'))
    bench.ws.publish(TOPIC, '2', '1')
    t.same(bench.takeEvents(), [
      'open', `subscribed ${TOPIC} 1 false`, 'subscribed other false', `message 2 ${TOPIC} 2`
    ])
    bench.ws.end()
    tick(500)
    bench.ws.greet()
    t.same(bench.ws.frames, [{ type: 'resume', topics: { [TOPIC]: '2', other: '' } }])
    bench.ws.publish(TOPIC, '3', '2')
    bench.ws.frame(subscribed('2'))
    bench.ws.publish(TOPIC, '3', '2')
    t.same(bench.takeEvents().slice(2), [
      `subscribed ${TOPIC} 2 false`, `message 3 ${TOPIC} 3`
    ], 'nothing is delivered before `subscribed`')
    t.same(bench.socket.cursors, { [TOPIC]: '3', other: '' })
  })

  t.test('start without a cursor', async (t) => {
    stopClock(t)
    const { ws, events, socket } = createBench(t)
    ws.greet().frame(subscribed('7'))
    ws.publish(TOPIC, '8', '7')
    ws.publish('unannounced', '1', '0')
    t.same(events.slice(1), [`subscribed ${TOPIC} 7 false`, `message 8 ${TOPIC} 8`, 'message 1 unannounced 1'])
    t.same(socket.cursors, { [TOPIC]: '8', unannounced: '1' })
  })

  t.test('deliver a message once', async (t) => {
    stopClock(t)
    const { ws, events } = createBench(t)
    ws.greet().frame(subscribed('0'))
    ws.publish(TOPIC, '1', '0')
    ws.publish(TOPIC, '1', '0')
    ws.publish(TOPIC, '2', '1')
    ws.publish(TOPIC, '1', '0')
    t.same(events.slice(2), [`message 1 ${TOPIC} 1`, `message 2 ${TOPIC} 2`])
    t.same(ws.frames.slice(1), [{ type: 'resume', topics: { [TOPIC]: '2' } }], 'an older one does not chain')
  })

  t.test('request missing messages again, and ignore others until these arrive', async (t) => {
    stopClock(t)
    const { ws, events } = createBench(t)
    ws.greet().frame(subscribed('0'))
    ws.publish(TOPIC, '1', '0')
    ws.publish(TOPIC, '3', '2')
    ws.publish(TOPIC, '4', '3')
    ws.frame({ type: 'gap', topic: TOPIC, cursor: '5' })
    t.same(ws.frames.slice(1), [{ type: 'resume', topics: { [TOPIC]: '1' } }], 'once')
    ws.frame(subscribed('1'))
    for (const i of [2, 3, 4]) ws.publish(TOPIC, String(i), String(i - 1))
    t.same(events.slice(2), [
      `message 1 ${TOPIC} 1`, `subscribed ${TOPIC} 1 false`, ...[2, 3, 4].map((i) => `message ${i} ${TOPIC} ${i}`)
    ])
  })

  t.test('emit a gap if the server reports one', async (t) => {
    stopClock(t)
    const { ws, events } = createBench(t, { cursors: { [TOPIC]: '1' } })
    ws.greet().frame(subscribed('5', true))
    ws.publish(TOPIC, '6', '5')
    ws.frame({ type: 'gap', topic: TOPIC, cursor: '9' })
    ws.publish(TOPIC, '10', '9')
    t.same(events.slice(1), [
      `subscribed ${TOPIC} 5 true`, `gap ${TOPIC} 5 true`, `message 6 ${TOPIC} 6`, `gap ${TOPIC} 9`,
      `message 10 ${TOPIC} 10`
    ])
  })

  t.test('emit a gap if the answer to resume does not continue at their cursor either', async (t) => {
    stopClock(t)
    const { ws, events } = createBench(t, { cursors: { [TOPIC]: '1' } })
    ws.greet().frame(subscribed('5'))
    ws.publish(TOPIC, '8', '7')
    ws.publish(TOPIC, '9', '8')
    t.same(events.slice(1), [
      `subscribed ${TOPIC} 5 true`, `gap ${TOPIC} 5 true`, `gap ${TOPIC} 7`, `message 8 ${TOPIC} 8`,
      `message 9 ${TOPIC} 9`
    ])
    t.equal(ws.frames.length, 1)
  })

  t.test('that are subscribed again elsewhere are resumed at their cursor', async (t) => {
    stopClock(t)
    const { ws, events } = createBench(t)
    ws.greet().frame(subscribed('0'))
    ws.publish(TOPIC, '1', '0')
    ws.frame(subscribed('3'))
    ws.frame(subscribed('1'))
    ws.publish(TOPIC, '2', '1')
    t.same(ws.frames.slice(1), [{ type: 'resume', topics: { [TOPIC]: '1' } }])
    t.same(events.slice(2), [`message 1 ${TOPIC} 1`, `subscribed ${TOPIC} 1 false`, `message 2 ${TOPIC} 2`])
  })

  t.test('are forgotten when they are unsubscribed', async (t) => {
    stopClock(t)
    const { socket, ws, events } = createBench(t)
    ws.greet().frame(subscribed('1'))
    ws.frame({ type: 'unsubscribed', topic: TOPIC })
    t.same(socket.cursors, {})
    ws.frame(subscribed('9'))
    t.same(events.slice(1), [`subscribed ${TOPIC} 1 false`, `unsubscribed ${TOPIC}`, `subscribed ${TOPIC} 9 false`])
  })

  t.test('emit the members, their joins and leaves', async (t) => {
    stopClock(t)
    const { socket, ws } = createBench(t)
    const seen: unknown[] = []
    socket.onsubscribed = ({ members }) => { seen.push(members) }
    socket.onjoin = ({ topic, member }) => { seen.push(['join', topic, member]) }
    socket.addEventListener('leave', ({ topic, member }) => { seen.push(['leave', topic, member]) })
    ws.greet().frame({ ...subscribed(''), members: [{ id: 'ada' }] })
    ws.frame({ type: 'join', topic: TOPIC, member: { id: 'bob', name: 'Bob' } })
    ws.frame({ type: 'leave', topic: TOPIC, member: { id: 'ada' } })
    t.same(seen, [[{ id: 'ada' }], ['join', TOPIC, { id: 'bob', name: 'Bob' }], ['leave', TOPIC, { id: 'ada' }]])
  })

  t.test('may have the names of object properties', async (t) => {
    stopClock(t)
    const { socket, ws, events } = createBench(t, { cursors: Object.fromEntries([['__proto__', '1']]) })
    ws.greet().frame(subscribed('1', false, '__proto__'))
    ws.publish('__proto__', '3', '2')
    t.equal(JSON.stringify(ws.frames), '[{"type":"resume","topics":{"__proto__":"1"}}]')
    t.same(Object.keys(socket.cursors), ['__proto__'])
    t.same(events.slice(1), ['subscribed __proto__ 1 false', 'gap __proto__ 2', 'message 3 __proto__ 3'])
  })
})
