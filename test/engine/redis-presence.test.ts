import t from 'tap'
import { RedisKeys } from '../../lib/engine/redis-keys.js'
import { RedisPresence } from '../../lib/engine/redis-presence.js'
import { JOIN, LEAVE, RENEW } from '../../lib/engine/redis-scripts.js'

t.test('what cannot be done is done when the connection is back, unless something newer came', async (t) => {
  let isDown = true
  const done: string[] = []
  const names = new Map([[JOIN, 'join'], [LEAVE, 'leave'], [RENEW, 'renew']])
  const presence = new RedisPresence('', new RedisKeys(''), async (script, _key, _keys, args) => {
    if (isDown) throw new Error('down')
    if (script !== RENEW) done.push(`${names.get(script)} ${args[1]}`)
    return ['1']
  }, async () => { if (isDown) throw new Error('down') })
  await presence.join('t', { id: 'ann', info: '' }, 60_000)
  await presence.join('t', { id: 'bob', info: '' }, 60_000)
  await presence.leave('t', 'ann')
  isDown = false
  presence.restore()
  while (done.length < 2) await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(done.sort(), ['join bob', 'leave ann'])
  isDown = true
  presence.close()
  await t.rejects(presence.join('t', { id: 'eve', info: '' }, 60_000), /down/)
  presence.close()
})
