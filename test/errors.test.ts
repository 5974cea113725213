import t from 'tap'
import * as errors from '../lib/errors.js'

t.test('every error has a code of its own and a sentence', async (t) => {
  const codes = new Set<string>()
  for (const [name, Constructor] of Object.entries(errors)) {
    const error = new (Constructor as new (...details: unknown[]) => Error & { code: string })('a', 'b', 'c')
    t.ok(error instanceof Error, name)
    t.match(error.code, /^FST_WIRE_[A-Z0-9_]+$/, name)
    t.match(error.message, / /, name)
    codes.add(error.code)
  }
  t.equal(codes.size, Object.keys(errors).length)
})

t.test('a fault carries the close code that the peer is told', async (t) => {
  t.equal(new errors.UnmaskedFrame().closeCode, 1002)
  t.equal(new errors.InvalidUtf8().closeCode, 1007)
  t.match(new errors.MessageTooBig(5), { closeCode: 1009, message: /5 bytes/ })
})
