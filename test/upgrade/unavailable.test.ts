import t from 'tap'
import { ServerClosing } from '../../lib/errors.js'
import { answerUnavailable } from '../../lib/upgrade/unavailable.js'

t.test('the answer has the code, the sentence, its length, and when to come again', async (t) => {
  const written: unknown[] = []
  answerUnavailable({ writeHead: (...head) => { written.push(head) }, end: (body) => { written.push(body) } }, new ServerClosing())
  const [head, body] = written as [[number, Record<string, unknown>], string]
  t.match(JSON.parse(body), { statusCode: 503, code: 'FST_WIRE_CLOSING', error: 'Service Unavailable', message: /./ })
  t.same(head, [503, { 'retry-after': '10', 'content-type': 'application/json; charset=utf-8', 'content-length': body.length }])
})
