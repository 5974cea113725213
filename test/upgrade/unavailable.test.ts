import t from 'tap'
import { ServerClosing } from '../../lib/errors.js'
import { answerFailure, answerUnavailable } from '../../lib/upgrade/unavailable.js'

const setUp = () => {
  const written: unknown[] = []
  return { written, upgrade: { refuse: (...refusal: unknown[]) => { written.push(...refusal) } } }
}

t.test('the answer has the code, the message, its length, and Retry-After', async (t) => {
  const { written, upgrade } = setUp()
  answerUnavailable(upgrade, new ServerClosing())
  const [status, headers, body] = written as [number, Record<string, unknown>, string]
  t.match(JSON.parse(body), { statusCode: 503, code: 'FST_WIRE_CLOSING', error: 'Service Unavailable', message: /./ })
  t.equal(status, 503)
  t.same(headers, {
    'retry-after': '10', 'content-type': 'application/json; charset=utf-8', 'content-length': body.length
  })
})

t.test('a thrown error is reported and answered, without its message', async (t) => {
  const { written, upgrade } = setUp()
  const failures: unknown[] = []
  const error = new Error('a secret')
  answerFailure(upgrade, error, (failure) => { failures.push(failure) }, () => { t.fail('answered, not cut') })
  t.same(failures, [error])
  const [status, , body] = written as [number, unknown, string]
  t.equal(status, 500)
  t.match(JSON.parse(body), {
    statusCode: 500, code: 'FST_WIRE_UPGRADE', error: 'Internal Server Error', message: /log/
  })
})

t.test('a client gets its answer although the log throws', async (t) => {
  const { written, upgrade } = setUp()
  answerFailure(upgrade, new Error(), () => { throw new Error('no log') }, () => { t.fail('answered, not cut') })
  t.equal(written[0], 500)
})

t.test('the connection is closed if there is no response, or if the answer fails', async (t) => {
  let cuts = 0
  const cut = (): void => { cuts++ }
  answerFailure(undefined, new Error(), () => {}, cut)
  t.equal(cuts, 1)
  answerFailure({ refuse: () => { throw new Error('no answer') } }, new Error(), () => {}, cut)
  t.equal(cuts, 2)
})
