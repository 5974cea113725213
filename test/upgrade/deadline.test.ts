import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { Deadline } from '../../lib/upgrade/deadline.js'
import type { Upgrade } from '../../lib/upgrade/response.js'

/** An upgrade that records its calls. */
class Noted extends EventEmitter implements Pick<Upgrade, 'hasBegun' | 'refuse'> {
  hasBegun = false
  readonly done: unknown[] = []
  refuse (status: number, headers: object, body: string): void {
    this.done.push([status, headers], JSON.parse(body))
    this.emit('done')
  }
}

t.test('an expired deadline answers 503', async (t) => {
  const response = new Noted()
  const deadline = new Deadline(response)
  deadline.start(10, () => { response.done.push('expired') })
  t.equal(deadline.timeout, 10)
  t.equal(deadline.isOver, false)
  await once(response, 'done')
  t.equal(deadline.isOver, true)
  t.match(response.done, [
    'expired', [503, { 'retry-after': '10', 'content-type': 'application/json; charset=utf-8' }],
    { statusCode: 503, code: 'FST_WIRE_HANDSHAKE_UNANSWERED' }
  ])
})

t.test('an expired deadline refuses the rest of an answer that has begun, without calling back', async (t) => {
  const response = new Noted()
  const deadline = new Deadline(response)
  response.hasBegun = true
  deadline.start(10, () => { t.fail('not expired') })
  await once(response, 'done')
  t.equal(deadline.isOver, true)
})

t.test('an expired deadline first stops waiting for the client, and then allows the same time again', async (t) => {
  const response = new Noted()
  const deadline = new Deadline(response)
  let given = 0
  deadline.giveUp = () => {
    given++
    deadline.giveUp = undefined
  }
  deadline.start(10, () => { response.done.push('expired') })
  await once(response, 'done')
  t.equal(given, 1)
  t.equal(response.done[0], 'expired')
})

t.test('a stopped deadline does nothing', async (t) => {
  const response = new Noted()
  const stopped = new Deadline(response)
  stopped.start(1, () => { t.fail('stopped') })
  stopped.stop()
  stopped.start(1, () => { t.fail('answered before') })
  const other = new Deadline(response)
  other.start(20, () => {})
  await once(response, 'done')
  t.equal(stopped.isOver, false)
})

t.test('a log that throws does not prevent the answer', async (t) => {
  const response = new Noted()
  const deadline = new Deadline(response)
  deadline.start(1, () => { throw new Error('no log') })
  await once(response, 'done')
  t.match(response.done, [[503, {}]])
})
