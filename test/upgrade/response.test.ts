import { EventEmitter, once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { whenOver, type UpgradeResponse } from '../../lib/upgrade/response.js'

const setUp = (isAccepted: boolean) => {
  const stream = new PassThrough()
  const response = Object.assign(new EventEmitter(), { isAccepted }) as unknown as UpgradeResponse
  let told = 0
  return { stream, response, tell: () => { told++ }, told: () => told }
}

t.test('a refusal is over when it is answered, and it is told once', async (t) => {
  const { stream, response, tell, told } = setUp(false)
  whenOver(response, stream, tell)
  response.emit('finish')
  t.equal(told(), 1)
  stream.destroy()
  await once(stream, 'close')
  t.equal(told(), 1)
})

t.test('a socket is over when its stream is gone', async (t) => {
  const { stream, response, tell, told } = setUp(true)
  whenOver(response, stream, tell)
  response.emit('finish')
  t.equal(told(), 0)
  stream.destroy()
  await once(stream, 'close')
  t.equal(told(), 1)
})

t.test('what is gone already is over at once', async (t) => {
  const { stream, response, tell, told } = setUp(true)
  stream.destroy()
  await once(stream, 'close')
  whenOver(response, stream, tell)
  t.equal(told(), 1)
})
