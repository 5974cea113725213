import t from 'tap'
import { resolveProtocols, resolveVersions } from '../../lib/options/protocols.js'
import { VERSIONS } from '../../lib/versions.js'

t.test('all versions are enabled by default, and only known ones are accepted', async (t) => {
  t.equal(resolveVersions(), VERSIONS)
  t.same(resolveVersions(['13']), ['13'])
  for (const wrong of [[], ['14'], '13']) t.throws(() => resolveVersions(wrong as never), { code: 'FST_WIRE_OPTION' })
})

t.test('subprotocols are a list of strings or a function', async (t) => {
  const choose = (): false => false
  t.equal(resolveProtocols(undefined), undefined)
  t.equal(resolveProtocols(choose), choose)
  t.same(resolveProtocols(['a']), ['a'])
  for (const wrong of ['a', [1]]) t.throws(() => resolveProtocols(wrong as never), { code: 'FST_WIRE_OPTION' })
})
