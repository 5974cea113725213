import t from 'tap'
import { ANY_COUNT, ANY_SIZE, ANY_TIME, flag, objectOf, oneOf, wholeNumber } from '../../lib/options/checks.js'

const refusal = (message: string) => ({ code: 'FST_WIRE_OPTION', message })

t.test('a valid value is returned, a missing one stays undefined', async (t) => {
  for (const [range, value] of [[ANY_SIZE, 0], [ANY_COUNT, 1], [ANY_TIME, 2_147_483_647]] as const) {
    t.equal(wholeNumber('n', value, range), value)
  }
  t.equal(wholeNumber('n', undefined, ANY_TIME), undefined)
  t.equal(flag('f', false), false)
  t.equal(flag('f', undefined), undefined)
  t.equal(oneOf('o', 'b', ['a', 'b']), 'b')
  t.equal(oneOf('o', undefined, ['a', 'b']), undefined)
  t.same(objectOf<{ a?: number, b?: number }>('x', { a: 1 }, ['a', 'b']), { a: 1 })
  t.same(objectOf('x', undefined, []), {})
})

t.test('an invalid value is refused with its name, the valid values and the given one', async (t) => {
  for (const value of [0, 1.5, 2 ** 31, NaN, '5' as unknown as number]) {
    t.throws(() => wholeNumber('n', value, ANY_TIME), { code: 'FST_WIRE_OPTION' })
  }
  t.throws(() => wholeNumber('n', -1, {
    min: 0, max: 9, or: 'false or '
  }), refusal('The option "n" must be false or a whole number from 0 to 9, not -1'))
  t.throws(() => flag('f', 'yes' as unknown as boolean), refusal('The option "f" must be true or false, not \'yes\''))
  t.throws(() => oneOf('o', 'c', ['a', 'b']), refusal('The option "o" must be one of \'a\', \'b\', not \'c\''))
  t.throws(
    () => objectOf('x', null as unknown as object, [], 'false or '),
    refusal('The option "x" must be false or an object, not null')
  )
  t.throws(() => objectOf('x', 5 as unknown as object, []), refusal('The option "x" must be an object, not 5'))
})

t.test('an unknown option is refused', async (t) => {
  t.throws(() => objectOf<{ limit?: number, policy?: string }>(
    'backpressure', { limits: 5 } as object, ['limit', 'policy']
  ), {
    code: 'FST_WIRE_UNKNOWN_OPTION',
    message: 'Unknown option "backpressure.limits": the options are "backpressure.limit", "backpressure.policy"'
  })
})
