import t from 'tap'
import { VERSIONS } from '../../lib/handshake/handshake.js'
import { isHixie } from '../../lib/protocol/protocol.js'

t.test('two versions are of the hixie drafts', async (t) => {
  t.same(VERSIONS.filter(isHixie), ['hixie-76', 'hixie-75'])
})
