import t from 'tap'
import { elements, hasToken, header } from '../../lib/handshake/header.js'

t.test('header', async t => {
  t.equal(header({ origin: 'a' }, 'origin'), 'a', 'is the value of the header')
  t.equal(header({}, 'origin'), undefined, 'is undefined when there is none')
  t.equal(header(
    { 'sec-websocket-protocol': ['a', 'b'] } as Record<string, string[]>, 'sec-websocket-protocol'
  ), 'a, b',
  'joins repeated headers to one list')
})

t.test('elements', async t => {
  t.strictSame(elements('a'), ['a'], 'of one')
  t.strictSame(elements('a,b \t,\t c'), ['a', 'b', 'c'], 'lose the spaces and tabs around them')
  t.strictSame(elements(', a,, b ,'), ['a', 'b'], 'skip the empty ones')
  t.strictSame(elements(' \t '), [], 'of blanks are none')
  t.strictSame(elements('a b'), ['a b'], 'keep the spaces in them')
  t.strictSame(elements('\u00a0a'), ['\u00a0a'], 'keep a no-break space, which is no whitespace of HTTP')
})

t.test('hasToken', async t => {
  t.ok(hasToken('keep-alive, Upgrade', 'upgrade'), 'finds it in a list, in any case')
  t.ok(hasToken('Upgrade', 'upgrade'), 'finds it alone')
  t.ok(hasToken(' upgrade', 'upgrade'), 'finds it behind a space')
  t.notOk(hasToken('upgraded', 'websocket'), 'compares what is as long')
  t.notOk(hasToken('downgrad3', 'websocket'), 'compares what is just as long')
  t.notOk(hasToken('upgrades', 'upgrade'), 'compares whole tokens')
  t.notOk(hasToken('', 'upgrade'), 'finds none in an empty value')
  t.notOk(hasToken(undefined, 'upgrade'), 'finds none in a missing header')
})
