import t from 'tap'
import { MAX_TEXT_LENGTH, fragmentsFor, messageTooBig, withMaxPayload } from '../../lib/protocol/limits.js'

t.test('by default a message may consist of fragments of 64 bytes', async (t) => {
  t.equal(fragmentsFor(0), 1024)
  t.equal(fragmentsFor(65_472), 1024)
  t.equal(fragmentsFor(65_473), 1025)
  t.equal(fragmentsFor(1_048_576), 16_385)
})

t.test('the default fragment limit follows maxPayload, a given one is kept', async (t) => {
  t.same(withMaxPayload({ maxPayload: 16, maxFragments: 1024 }, 1_048_576), {
    maxPayload: 1_048_576, maxFragments: 16_385
  })
  t.same(withMaxPayload({ maxPayload: 1_048_576, maxFragments: 16_385 }, 16), { maxPayload: 16, maxFragments: 1024 })
  t.same(withMaxPayload({ maxPayload: 16, maxFragments: 3 }, 1_048_576), { maxPayload: 1_048_576, maxFragments: 3 })
})

t.test('a message that is too big names the limit that it exceeds', async (t) => {
  const any = /larger than maxPayload, 5 bytes/
  const string = new RegExp(`larger than the longest string of Node\\.js, ${MAX_TEXT_LENGTH} bytes`)
  t.match(messageTooBig(5, true), { code: 'FST_WIRE_MESSAGE_SIZE', closeCode: 1009, message: any })
  t.match(messageTooBig(5, false).message, any)
  t.match(messageTooBig(MAX_TEXT_LENGTH, true).message, `maxPayload, ${MAX_TEXT_LENGTH} bytes`)
  t.match(messageTooBig(MAX_TEXT_LENGTH + 1, false).message, `maxPayload, ${MAX_TEXT_LENGTH + 1} bytes`)
  t.match(messageTooBig(MAX_TEXT_LENGTH + 1, true), { code: 'FST_WIRE_MESSAGE_SIZE', closeCode: 1009, message: string })
})
