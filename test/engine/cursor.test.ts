import t from 'tap'
import { placeOf, randomTag, tagIn, tagOf } from '../../lib/engine/cursor.js'

t.test('a plain id is its own tag, any other id is hashed to a tag that no plain id has', async (t) => {
  t.equal(tagOf('order-17'), 'order-17')
  for (const id of ['', 'a b', 'a\n', 'ü', 'x'.repeat(41)]) t.match(tagOf(id), /^\.[\w-]{32}$/)
  t.not(tagOf('a b'), tagOf('a  b'))
  t.not(randomTag(), randomTag())
})

t.test('placeOf() and tagIn() split a cursor', async (t) => {
  t.equal(placeOf('12-3.abc'), '12-3')
  t.equal(tagIn('12-3.abc'), 'abc')
  t.equal(tagIn(`1.${tagOf('a b')}`), tagOf('a b'))
})
