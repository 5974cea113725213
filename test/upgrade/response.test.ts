import { EventEmitter, once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { carry, upgradeOf, whenOver, type Upgrade } from '../../lib/upgrade/response.js'

const setUp = (isAccepted: boolean) => {
  const stream = new PassThrough()
  const response = new EventEmitter()
  const upgrade = { response, isAccepted }
  let told = 0
  return { stream, response, upgrade, tell: () => { told++ }, told: () => told }
}

t.test('a refusal is over when it is answered, and it is told once', async (t) => {
  const { stream, response, upgrade, tell, told } = setUp(false)
  whenOver(upgrade, stream, tell)
  response.emit('finish')
  t.equal(told(), 1)
  stream.destroy()
  await once(stream, 'close')
  t.equal(told(), 1)
})

t.test('a socket is over when its stream is gone', async (t) => {
  const { stream, response, upgrade, tell, told } = setUp(true)
  whenOver(upgrade, stream, tell)
  response.emit('finish')
  t.equal(told(), 0)
  stream.destroy()
  await once(stream, 'close')
  t.equal(told(), 1)
})

t.test('what is gone already is over at once', async (t) => {
  const { stream, upgrade, tell, told } = setUp(true)
  stream.destroy()
  await once(stream, 'close')
  whenOver(upgrade, stream, tell)
  t.equal(told(), 1)
})

t.test('a response leads to its upgrade, whatever becomes of its prototype', async (t) => {
  const response = {}
  const upgrade = {} as Upgrade
  t.equal(upgradeOf(response), undefined)
  carry(response, upgrade)
  Object.setPrototypeOf(response, null)
  t.equal(upgradeOf(response), upgrade)
  t.equal(upgradeOf(new Proxy(response, {})), upgrade)
})
