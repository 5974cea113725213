import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { Deadline } from '../../lib/upgrade/deadline.js'
import type { Upgrade } from '../../lib/upgrade/response.js'

/** An upgrade that notes what is done with it. */
class Noted extends EventEmitter implements Pick<Upgrade, 'hasBegun' | 'refuse'> {
  hasBegun = false
  readonly done: unknown[] = []
  refuse (status: number, headers: object, body: string): void {
    this.done.push([status, headers], JSON.parse(body))
    this.emit('done')
  }
}

t.test('when nobody answered in time, 503 is answered', async (t) => {
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

t.test('an answer that has begun is refused to go on, and the hooks are not late', async (t) => {
  const response = new Noted()
  const deadline = new Deadline(response)
  response.hasBegun = true
  deadline.start(10, () => { t.fail('not expired') })
  await once(response, 'done')
  t.equal(deadline.isOver, true)
})

t.test('a wait for the client is given up first, and there is as much time again', async (t) => {
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

t.test('one that is stopped does nothing', async (t) => {
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

t.test('a log that throws keeps nobody from the answer', async (t) => {
  const response = new Noted()
  const deadline = new Deadline(response)
  deadline.start(1, () => { throw new Error('no log') })
  await once(response, 'done')
  t.match(response.done, [[503, {}]])
})
