import t from 'tap'
import { decodeEnvelope, envelopeSize, writeEnvelope } from '../../lib/engine/envelope.js'

t.test('a decoded envelope equals the encoded one', async (t) => {
  for (const isBinary of [true, false]) {
    for (const [id, kind, data] of [['id', '', 'data'], ['ü\n', 'kind ü', ''], ['a', 'k', '\0']] as const) {
      const publication = { id, kind, data: Buffer.from(data), isBinary, isCompressible: kind !== 'k' }
      const size = envelopeSize(publication, 'id')
      const bytes = Buffer.alloc(4 + size + 4)
      t.equal(writeEnvelope(bytes, 4, publication, 'id'), 4 + size)
      const decoded = decodeEnvelope(bytes, 4, 4 + size, 'c', 'p', 'id')
      t.strictSame(decoded, { ...publication, cursor: 'c', prev: 'p' })
    }
  }
})
