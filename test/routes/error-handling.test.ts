import t from 'tap'
import { InvalidUtf8, MessageTooBig, NotOpen, ReservedBits } from '../../lib/errors.js'
import { isFault, toWsError } from '../../lib/routes/error-handling.js'

t.test('a fault gets the code that ws gives it', async (t) => {
  const cases: Array<[Error, string]> = [
    [new ReservedBits(), 'WS_ERR_UNEXPECTED_RSV_2_3'], [new InvalidUtf8(), 'WS_ERR_INVALID_UTF8'], [new MessageTooBig(5), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']
  ]
  for (const [error, code] of cases) {
    toWsError(error)
    t.match(error, { code })
    t.ok(isFault(error))
  }
})

t.test('any other error stays as it is', async (t) => {
  const misuse = new NotOpen(3)
  toWsError(misuse)
  t.equal(misuse.code, 'FST_WIRE_NOT_OPEN')
  t.notOk(isFault(misuse))
  const plain: Error & { code?: string } = new Error('plain')
  toWsError(plain)
  t.equal(plain.code, undefined)
})
