import { EventEmitter, once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { attachUpgrade, emitFinish, onceFinished, upgradeOf, type Upgrade } from '../../lib/upgrade/response.js'

const setUp = (isAccepted: boolean) => {
  const stream = new PassThrough()
  const response = new EventEmitter()
  const upgrade = { response, isAccepted }
  let calls = 0
  return { stream, response, upgrade, notify: () => { calls++ }, calls: () => calls }
}

t.test('onceFinished() calls back once when a refusal has been answered', async (t) => {
  const { stream, response, upgrade, notify, calls } = setUp(false)
  onceFinished(upgrade, stream, notify)
  response.emit('finish')
  t.equal(calls(), 1)
  stream.destroy()
  await once(stream, 'close')
  t.equal(calls(), 1)
})

t.test('onceFinished() calls back for an accepted upgrade when its stream closes', async (t) => {
  const { stream, response, upgrade, notify, calls } = setUp(true)
  onceFinished(upgrade, stream, notify)
  response.emit('finish')
  t.equal(calls(), 0)
  stream.destroy()
  await once(stream, 'close')
  t.equal(calls(), 1)
})

t.test('onceFinished() calls back at once for an upgrade whose stream has closed', async (t) => {
  const { stream, upgrade, notify, calls } = setUp(true)
  stream.destroy()
  await once(stream, 'close')
  onceFinished(upgrade, stream, notify)
  t.equal(calls(), 1)
})

t.test('errors of end listeners of an accepted response are reported', async (t) => {
  const errors: unknown[] = []
  const response = new EventEmitter()
  emitFinish(response, (error) => { errors.push(error) })
  response.on('finish', () => { throw new Error('of a hook') })
  emitFinish(response, (error) => { errors.push(error) })
  t.match(errors, [{ message: 'of a hook' }])
})

t.test('upgradeOf() finds the upgrade of a response, whatever its prototype', async (t) => {
  const response = {}
  const upgrade = {} as Upgrade
  t.equal(upgradeOf(response), undefined)
  attachUpgrade(response, upgrade)
  Object.setPrototypeOf(response, null)
  t.equal(upgradeOf(response), upgrade)
  t.equal(upgradeOf(new Proxy(response, {})), upgrade)
})
