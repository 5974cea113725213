import { EventEmitter } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { SocketEvent, WireSocket } from '../../lib/socket/socket.js'
import { SocketTarget } from '../../lib/socket/event-target.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const setUp = () => {
  const emitter = new EventEmitter()
  const seen: string[] = []
  const listener = (name: string) => (event: SocketEvent): void => { seen.push(`${name} ${event.type}`) }
  return { emitter, seen, listener, target: new SocketTarget(emitter as unknown as WireSocket) }
}

t.test('a listener receives an event for each call of the emitter, until it is removed', async (t) => {
  const { emitter, seen, listener, target } = setUp()
  const first = listener('first')
  target.add('open', first, false)
  target.add('close', first, false)
  target.add('open', listener('second'), false)
  emitter.emit('open')
  emitter.emit('close', 1000, Buffer.alloc(0))
  t.same(seen.splice(0), ['first open', 'second open', 'first close'])
  target.remove('open', first)
  target.remove('open', first)
  emitter.emit('open')
  emitter.emit('close', 1000, Buffer.alloc(0))
  t.same(seen, ['second open', 'first close'])
})

t.test('a listener is added once per type, and can be added again after its removal', async (t) => {
  const { emitter, seen, listener, target } = setUp()
  const first = listener('first')
  target.add('open', first, false)
  target.add('open', first, true)
  emitter.emit('open')
  t.same(seen.splice(0), ['first open'])
  target.remove('open', first)
  t.equal(emitter.listenerCount('open'), 0)
  target.add('open', first, false)
  emitter.emit('open')
  t.same(seen, ['first open'])
})

t.test('a once listener receives one event, can be added again, and can be removed before', async (t) => {
  const { emitter, seen, listener, target } = setUp()
  const first = listener('first')
  target.add('open', first, true)
  emitter.emit('open')
  emitter.emit('open')
  t.same(seen.splice(0), ['first open'])
  target.add('open', first, true)
  emitter.emit('open')
  t.same(seen.splice(0), ['first open'])
  target.add('open', first, true)
  target.remove('open', first)
  emitter.emit('open')
  t.same(seen, [])
  t.equal(emitter.listenerCount('open'), 0)
})

t.test('the result of a listener is returned, so that a rejection is noticed', async (t) => {
  const { emitter, target } = setUp()
  target.add('open', () => 'result', true)
  const [added] = emitter.listeners('open') as [() => unknown]
  t.equal(added(), 'result')
})

t.test('event types that a WebSocket does not have are ignored', async (t) => {
  const { emitter, listener, target } = setUp()
  target.add('ping' as 'open', listener('never'), false)
  t.equal(emitter.listenerCount('ping'), 0)
  target.remove('ping' as 'open', listener('never'))
})

t.test('setting a handler replaces the previous one', async (t) => {
  const { emitter, seen, listener, target } = setUp()
  const first = listener('first')
  t.equal(target.handler('open'), null)
  target.setHandler('open', null)
  target.setHandler('open', first)
  t.equal(target.handler('open'), first)
  emitter.emit('open')
  target.setHandler('open', listener('second'))
  emitter.emit('open')
  t.same(seen.splice(0), ['first open', 'second open'])
  target.setHandler('open', null)
  t.equal(target.handler('open'), null)
  target.setHandler('open', undefined as unknown as null)
  t.equal(target.handler('open'), null)
  emitter.emit('open')
  t.same(seen, [])
})

t.test('a listener is removed when its signal aborts, and not added with an aborted signal', async (t) => {
  const { emitter, seen, listener, target } = setUp()
  const controller = new AbortController()
  target.add('open', listener('first'), false, controller.signal)
  emitter.emit('open')
  controller.abort()
  emitter.emit('open')
  target.add('open', listener('late'), false, controller.signal)
  emitter.emit('open')
  t.same(seen, ['first open'])
})

t.test('a listener that is not callable throws, a handler that is not callable is null', async (t) => {
  const { emitter, listener, target } = setUp()
  for (const wrong of [5, null, undefined, {}]) {
    t.throws(() => { target.add('open', wrong as never, false) }, { code: 'FST_WIRE_LISTENER' })
  }
  target.setHandler('open', listener('handler'))
  target.setHandler('open', 'wrong' as never)
  t.equal(target.handler('open'), null)
  t.equal(emitter.listenerCount('open'), 0)
})

t.test('the same function may be a listener and a handler', async (t) => {
  const { emitter, seen, listener, target } = setUp()
  const both = listener('both')
  target.add('open', both, false)
  target.setHandler('open', both)
  emitter.emit('open')
  t.equal(seen.length, 2)
  target.setHandler('open', null)
  t.equal(emitter.listenerCount('open'), 1)
  target.setHandler('open', both)
  target.remove('open', both)
  t.equal(emitter.listenerCount('open'), 1)
})

t.test('listeners and handlers that the emitter has removed can be added again', async (t) => {
  const { emitter, seen, listener, target } = setUp()
  const first = listener('first')
  target.add('open', first, false)
  target.setHandler('open', first)
  emitter.removeAllListeners('open')
  t.equal(target.handler('open'), null)
  target.add('open', first, false)
  emitter.emit('open')
  t.same(seen, ['first open'])
})

t.test('a removed listener is not kept in memory', async (t) => {
  const { emitter, target } = setUp()
  const kept: Array<WeakRef<object>> = []
  const addAndRemove = (): void => {
    const listeners = [() => {}, { handleEvent () {} }]
    for (const listener of listeners) {
      kept.push(new WeakRef(listener))
      target.add('open', listener, true)
      emitter.emit('open')
      target.add('close', listener, false)
      target.remove('close', listener)
    }
  }
  addAndRemove()
  // A WeakRef keeps its target until the end of the turn.
  await new Promise((resolve) => { setImmediate(resolve) })
  collectGarbage()
  t.same(kept.map((listener) => listener.deref()), [undefined, undefined])
})
