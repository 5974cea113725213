import { runInNewContext } from 'node:vm'
import { createError } from '@fastify/error'
import t from 'tap'
import { isError } from '../lib/is-error.js'

t.test('isError() recognizes errors of any realm', async (t) => {
  class Own extends TypeError {}
  const Made = createError('TEST', 'a sentence')
  for (const error of [new Error('x'), new Own('x'), new Made(), Object.create(new Error('x')) as unknown]) {
    t.ok(isError(error))
  }
  for (const source of ['new Error("x")', 'new (class extends TypeError {})("x")']) {
    t.ok(isError(runInNewContext(source)), source)
  }
})

t.test('isError() is false for any other value', async (t) => {
  for (const value of [undefined, null, 'Error', 1, {}, { message: 'x', stack: 'y' }, []]) t.notOk(isError(value))
})
