import t from 'tap'
import { fault, refusal, refusedMessage, refuse } from '../lib/error-kinds.js'

const Odd = refusal('TEST_ODD', '%s is odd', 400)
const Busy = refusal('TEST_BUSY', 'Too much to do', 503)
const Wrong = refusal('TEST_WRONG', 'A %s is wrong', 405, { allow: 'GET' })

t.test('a refusal has the status and headers of its kind, and no stack', async (t) => {
  const odd = new Odd('three')
  t.match(odd, { code: 'TEST_ODD', statusCode: 400, message: 'three is odd', stack: undefined })
  t.notOk('headers' in odd)
  t.match(new Wrong('POST'), { statusCode: 405, message: 'A POST is wrong', headers: { allow: 'GET' } })
})

t.test('a refusal with 429 or 503 has Retry-After', async (t) => {
  t.same(new Busy().headers, { 'retry-after': '10' })
  t.same(new (refusal('TEST_MANY', 'Too many', 429))().headers, { 'retry-after': '10' })
})

t.test('the headers of a refusal are a copy: changing them changes no other refusal', async (t) => {
  const { headers } = new Busy()
  Object.assign(headers as object, { 'retry-after': '1' })
  t.same(new Busy().headers, { 'retry-after': '10' })
})

t.test('headers and details of a request are added to those of the kind', async (t) => {
  const busy = refuse(Busy, { headers: { 'x-load': '9' }, details: { load: 9 }, advice: 'wait' })
  t.match(busy, { code: 'TEST_BUSY', statusCode: 503, details: { load: 9 }, advice: 'wait' })
  t.same(busy.headers, { 'retry-after': '10', 'x-load': '9' })
  const odd = refuse(Odd, { statusCode: 422 }, 7)
  t.match(odd, { statusCode: 422, message: '7 is odd' })
  t.notOk('headers' in odd)
  t.ok(odd instanceof Odd)
})

t.test('a protocol error has the close code that the peer receives', async (t) => {
  const Fault = fault('TEST_FAULT', 'A frame has %s', 1002)
  const error = new Fault(5)
  t.match(error, { code: 'TEST_FAULT', closeCode: 1002, message: 'A frame has 5' })
  t.ok(error instanceof RangeError)
})

t.test('a refused message has a close code and no stack', async (t) => {
  const Refused = refusedMessage('TEST_REFUSED', '%s', 1008)
  t.match(new Refused('no'), {
    code: 'TEST_REFUSED', closeCode: 1008, statusCode: 400, message: 'no', stack: undefined
  })
})
