import t from 'tap'
import { decodeEnvelope, encodeEnvelope } from '../../lib/engine/envelope.js'

t.test('a decoded envelope equals the encoded one', async (t) => {
  for (const isBinary of [true, false]) {
    for (const [id, kind, data] of [['id', '', 'data'], ['ü\n', 'kind ü', ''], ['a', 'k', '\0']] as const) {
      const publication = { id, kind, data: Buffer.from(data), isBinary, isCompressible: kind !== 'k' }
      const envelope = encodeEnvelope(publication, 'id')
      const bytes = Buffer.concat([Buffer.from('head'), envelope, Buffer.from('tail')])
      const decoded = decodeEnvelope(bytes, 4, 4 + envelope.length, 'c', 'p', 'id')
      t.strictSame(decoded, { ...publication, cursor: 'c', prev: 'p' })
    }
  }
})
