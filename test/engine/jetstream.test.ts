import t from 'tap'
import { JetStreamError } from '../../lib/engine/jetstream.js'

t.test('an answer that is an error says its status and code', async (t) => {
  t.match(new JetStreamError({ code: 404, err_code: 10037, description: 'no message found' }), { status: 404, code: 10037, message: 'no message found' })
  t.match(new JetStreamError({ code: 503, description: 'unavailable' }), { status: 503, code: 0 })
})
