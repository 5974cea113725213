import t from 'tap'
import { RedisKeys } from '../../lib/engine/redis-keys.js'
import { RedisPresence } from '../../lib/engine/redis-presence.js'
import { CLAIM, JOIN, LEAVE, RENEW } from '../../lib/engine/redis-scripts.js'

t.test('a failed join or leave is repeated when the connection is back, unless a newer one replaced it', async (t) => {
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

t.test('one process removes the members of a process that is gone, and another takes over if it fails', async (t) => {
  const calls: string[] = []
  const presence = new RedisPresence('', new RedisKeys(''), async (script, _key, _keys, args) => {
    if (script === RENEW) return ['1', 'half-done!', 'of-another']
    if (script === CLAIM) calls.push(`claim ${args.join(' ')}`)
    if (script === CLAIM) return args[0] === 'of-another' ? 0 : 1
    if (script === LEAVE) calls.push(`leave ${args[0]}`)
    return 1
  }, async (_key, args) => {
    calls.push(args.join(' '))
    return args[0] === 'SMEMBERS' ? ['t'] : 1
  })
  t.teardown(() => { presence.close() })
  await presence.join('t', { id: 'ann', info: '' }, 60_000)
  t.strictSame(calls.slice(0, 6), [
    'claim half-done! half-done!', 'SMEMBERS held:half-done', 'leave half-done', 'DEL held:half-done',
    'ZREM leases half-done!',
    'claim of-another of-another!'
  ])
  t.notMatch(calls.slice(6).join(), /of-another/)
})
