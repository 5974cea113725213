import t from 'tap'
import { MemoryPresence } from '../../lib/engine/memory-presence.js'
import { Recorder } from './recorder.js'

t.test('joins and leaves are reported while the topic is subscribed', async (t) => {
  const presence = new MemoryPresence()
  const events = new Recorder()
  let isSubscribed = false
  presence.open(events, () => isSubscribed)
  await presence.join('t', { id: 'a', info: '1' })
  isSubscribed = true
  await presence.join('t', { id: 'a', info: '2' })
  await presence.join('t', { id: 'b', info: '3' })
  await presence.leave('t', 'a')
  await presence.leave('t', 'a')
  await presence.leave('other', 'a')
  isSubscribed = false
  await presence.leave('t', 'b')
  t.strictSame(await events.presence('t', 2), ['+b3', '-a1'])
  t.strictSame(await presence.members('t'), [])
})

t.test('nothing is reported after close(), and there are no members', async (t) => {
  const presence = new MemoryPresence()
  presence.open(new Recorder(), () => true)
  await presence.join('t', { id: 'a', info: '' })
  presence.close()
  t.strictSame(await presence.members('t'), [])
  await presence.join('t', { id: 'a', info: '' })
  await presence.leave('t', 'a')
})

t.test('members who join before open() are present, but not reported', async (t) => {
  const presence = new MemoryPresence()
  const events = new Recorder()
  await presence.join('t', { id: 'a', info: '1' })
  presence.open(events, () => true)
  t.strictSame(await presence.members('t'), [{ id: 'a', info: '1' }])
  await presence.leave('t', 'a')
  t.strictSame(await events.presence('t', 1), ['-a1'])
})
