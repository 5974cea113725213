import t from 'tap'
import { isSocketEventType, toEmitterListener } from '../../lib/socket/events.js'
import type { WireSocket } from '../../lib/socket/socket.js'

const target = {} as WireSocket

t.test('each event has the properties of its WHATWG counterpart', async (t) => {
  const seen: unknown[] = []
  const see = (event: object): number => seen.push(event)
  toEmitterListener('open', see).call(target)
  toEmitterListener('message', see).call(target, Buffer.from('text'), false)
  toEmitterListener('message', see).call(target, Buffer.from('bin'), true)
  toEmitterListener('message', see).call(target, { a: 1 }, false)
  toEmitterListener('message', see).call(target, 'value', false)
  toEmitterListener('close', see).call(target, 1000, Buffer.from('bye'))
  toEmitterListener('close', see).call(target, 1006, Buffer.alloc(0))
  toEmitterListener('error', see).call(target, new Error('bad'))
  toEmitterListener('error', see).call(target, 'bad')
  t.match(seen, [
    { type: 'open' },
    { type: 'message', data: 'text' },
    { type: 'message', data: Buffer.from('bin') },
    { type: 'message', data: { a: 1 } },
    { type: 'message', data: 'value' },
    { type: 'close', code: 1000, reason: 'bye', wasClean: true },
    { type: 'close', code: 1006, reason: '', wasClean: false },
    { type: 'error', message: 'bad', error: Error },
    { type: 'error', message: 'bad', error: 'bad' }
  ])
  t.ok(seen.every((event) => (event as { target: unknown }).target === target))
})

t.test('a listener object is called by handleEvent(), and its result is returned', async (t) => {
  t.equal(toEmitterListener('open', { handleEvent: () => 1 }).call(target), 1)
  t.equal(toEmitterListener('open', function () { return this }).call(target), target)
})

t.test('only the four event types of a WebSocket are known', async (t) => {
  t.ok(isSocketEventType('message'))
  t.notOk(isSocketEventType('ping'))
  t.notOk(isSocketEventType('toString'))
})
