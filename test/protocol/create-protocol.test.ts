import t from 'tap'
import { VERSIONS } from '../../lib/versions.js'
import { createProtocol } from '../../lib/protocol/create-protocol.js'
import { RecordingSink } from '../fixtures/sink.js'

t.test('each version creates its own protocol', async (t) => {
  for (const version of VERSIONS) {
    const sink = new RecordingSink()
    const protocol = createProtocol(version, sink, sink, { maxPayload: 100, maxFragments: 100 })
    t.equal(protocol.version, version)
    protocol.send('hi', false, true, true)
    t.equal(sink.written.toString('hex'), version.startsWith('hixie') ? '006869ff' : '81026869')
  }
})
