import t from 'tap'
import { VERSIONS, isHixie } from '../lib/versions.js'

t.test('two versions are hixie drafts', async (t) => {
  t.same(VERSIONS.filter(isHixie), ['hixie-76', 'hixie-75'])
})
