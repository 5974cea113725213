import fc from 'fast-check'
import t from 'tap'
import {
  encodeFrame, isFrame, readClientFrame, readServerFrame, type PayloadFrame, type ServerFrame
} from '../../lib/topics/frames.js'
import { bytes, holds } from './properties.js'
import { TARGETS } from './targets.js'

// Lone surrogates too: JSON escapes them.
const name = fc.oneof(fc.string({
  unit: 'binary', maxLength: 12
}), fc.constantFrom('__proto__', '\0', '\n', '\u2028', '\ud800', 'constructor', ''))
const member = fc.tuple(name, fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), {
  maxKeys: 3, noNullPrototype: true
})).map(([id, others]) => ({ ...others, id }))

const withoutPayload: fc.Arbitrary<Exclude<ServerFrame, PayloadFrame>> = fc.oneof(
  fc.record({ type: fc.constant('hello' as const), heartbeat: fc.nat() }),
  fc.record({ type: fc.constant('subscribed' as const), topic: name, cursor: name, isGap: fc.boolean() }),
  fc.record({
    type: fc.constant('subscribed' as const),
    topic: name,
    cursor: name,
    isGap: fc.boolean(),
    members: fc.array(member, { maxLength: 3 })
  }),
  fc.record({ type: fc.constantFrom('unsubscribed' as const), topic: name }),
  fc.record({ type: fc.constantFrom('gap' as const), topic: name, cursor: name }),
  fc.record({ type: fc.constantFrom('join' as const, 'leave' as const), topic: name, member }),
  fc.record({ type: fc.constant('ping' as const) })
)
const withPayload: fc.Arbitrary<PayloadFrame> = fc.oneof(fc.record({
  type: fc.constant('message' as const), topic: name, cursor: name, prev: name
}), fc.record({ type: fc.constant('send' as const) }))

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

t.test('frames of the live subprotocol are decoded as they were encoded', async () => {
  await holds(500, fc.property(withoutPayload, (head) => {
    const message = encodeFrame(head)
    return isFrame(message) && same(readServerFrame(message)?.head, JSON.parse(JSON.stringify(head)))
  }))
  await holds(500, fc.property(withPayload, fc.string({ unit: 'binary' }), bytes(100), (head, text, binary) => {
    const ofText = readServerFrame(encodeFrame(head, text))
    const ofBytes = readServerFrame(encodeFrame(head, binary))
    return same(ofText?.head, head) && ofText?.payload === text && same(ofBytes?.head, head) &&
      Buffer.from(ofBytes?.payload as Uint8Array).equals(binary)
  }))
  await holds(300, fc.property(fc.dictionary(name, name, { maxKeys: 6 }), (topics) => {
    const read = readClientFrame(encodeFrame({ type: 'resume', topics }))
    return read?.head.type === 'resume' && same(Object.entries(read.head.topics).sort(), Object.entries(topics).sort())
  }))
})

t.test('data that is not a frame decodes as undefined, and never throws', async () => {
  await holds(600, fc.property(bytes(120), (input) => { TARGETS.live(input) }))
  const json = fc.oneof(
    fc.json({ maxDepth: 2 }),
    fc.dictionary(
      fc.constantFrom('type', 'topic', 'cursor', 'prev', 'topics', 'heartbeat', 'isGap'),
      fc.oneof(fc.constantFrom('message', 'send', 'resume', 'ping', 'hello'), fc.jsonValue({ maxDepth: 1 }))
    ).map((head) => JSON.stringify(head))
  )
  await holds(
    600,
    fc.property(
      json, fc.option(fc.string()),
      (head, payload) => { TARGETS.live(Buffer.from(payload === null ? head : `${head}\n${payload}`)) }
    )
  )
})
