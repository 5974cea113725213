import t from 'tap'
import { decodeEnvelope, encodeEnvelope } from '../../lib/engine/envelope.js'

t.test('a decoded envelope equals the encoded one', async (t) => {
  for (const isBinary of [true, false]) {
    for (const [id, kind, data] of [['id', '', 'data'], ['ü\n', 'kind ü', ''], ['a', 'k', '\0']] as const) {
      const publication = { id, kind, data: Buffer.from(data), isBinary, isCompressible: kind !== 'k' }
      const bytes = Buffer.concat([Buffer.from('head'), encodeEnvelope(publication, 'id')])
      t.strictSame(decodeEnvelope(bytes, 4, 'c', 'p', 'id'), { ...publication, cursor: 'c', prev: 'p' })
    }
  }
})
