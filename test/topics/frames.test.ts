import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import {
  encodeFrame, isFrame, readClientFrame, readServerFrame, type ClientFrame, type PayloadFrame, type ServerFrame
} from '../../lib/topics/frames.js'

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

// Names and cursors are opaque: whatever JSON has to escape may be in them.
const STRINGS = ['', '/rooms/7', '1-0', 'é ☃ 𝌆', 'a\nb', '\0', '"\\', '\u2028', '\ud800', '__proto__']
const PAYLOADS = [
  '', 'hello', '\n', 'a\nb\n', '\0', '\0{"type":"ping"}', 'é ☃ 𝌆', '{"type":"ping"}', 'x'.repeat(100_000)
]

const withoutPayload = (topic: string): Array<Exclude<ServerFrame, PayloadFrame>> => [
  { type: 'hello', heartbeat: 30_000 },
  { type: 'hello', heartbeat: 0, protocol: topic },
  { type: 'subscribed', topic, cursor: topic, isGap: false },
  { type: 'subscribed', topic, cursor: topic, isGap: true, members: [{ id: topic, name: 'Ada' }] },
  { type: 'unsubscribed', topic },
  { type: 'gap', topic, cursor: topic },
  { type: 'join', topic, member: { id: topic } },
  { type: 'leave', topic, member: { id: topic, info: { deep: [1, null] } } },
  { type: 'ping' }
]
const withPayload = (topic: string): PayloadFrame[] => [
  { type: 'message', topic, cursor: topic, prev: topic }, { type: 'send' }
]
const ofClient = (topic: string): Array<Exclude<ClientFrame, PayloadFrame>> => [
  { type: 'resume', topics: {} },
  { type: 'resume', topics: { other: '', ...Object.fromEntries([[topic, topic]]) } },
  { type: 'ping' }
]

t.test('a decoded frame equals the encoded one', async (t) => {
  for (const topic of STRINGS) {
    for (const head of withoutPayload(topic)) {
      t.same(readServerFrame(encodeFrame(head)), { head, payload: '' }, head.type)
    }
    for (const head of ofClient(topic)) t.same(readClientFrame(encodeFrame(head)), { head, payload: '' }, head.type)
  }
})

t.test('a decoded payload equals the given one, as text or bytes', async (t) => {
  const wrong = []
  for (const topic of STRINGS) {
    for (const head of withPayload(topic)) {
      for (const payload of PAYLOADS) {
        const frames = [payload, bytes(payload)].map((payload) => readServerFrame(encodeFrame(head, payload)))
        if (!isDeepStrictEqual(frames, [{ head, payload }, { head, payload: bytes(payload) }])) wrong.push(frames)
      }
    }
  }
  t.same(wrong, [])
  const invalid = Uint8Array.of(0xff, 0x0a, 0x00, 0xc0)
  t.same(readClientFrame(encodeFrame({ type: 'send' }, invalid))?.payload, invalid, 'bytes need not be UTF-8')
})

t.test('a binary payload is a view of its message, and may be encoded from a view', async (t) => {
  const message = encodeFrame({ type: 'send' }, Buffer.from('.payload.').subarray(1, 8))
  const payload = readClientFrame(message)?.payload
  t.ok(payload instanceof Uint8Array)
  t.equal((payload as Uint8Array).buffer, message.buffer)
  t.equal(Buffer.from(payload as Uint8Array).toString(), 'payload')
})

t.test('a message that begins with NUL is a frame', async (t) => {
  for (const text of ['\0', '\0x', encodeFrame({ type: 'ping' })]) {
    t.equal(isFrame(text), true)
    t.equal(isFrame(bytes(text)), true)
  }
  for (const text of ['', 'x', '{"type":"ping"}', ' \0']) {
    t.equal(isFrame(text), false)
    t.equal(isFrame(bytes(text)), false)
    t.equal(readServerFrame(text), undefined)
    t.equal(readClientFrame(bytes(text)), undefined)
  }
})

t.test('a malformed frame decodes as undefined', async (t) => {
  const heads = [
    '', '{', 'null', '1', '"ping"', '[]', '{}', '{"type":1}', '{"type":null}', '{"type":"toString"}',
    '{"type":"__proto__"}', '{"type":"constructor"}', '{"type":"later"}',
    '{"type":"message"}', '{"type":"message","topic":"a","cursor":"b"}',
    '{"type":"message","topic":"a","cursor":1,"prev":""}',
    '{"type":"hello"}', '{"type":"hello","heartbeat":"1"}', '{"type":"subscribed","topic":"a","cursor":"b"}',
    '{"type":"subscribed","topic":"a","cursor":"b","isGap":1}',
    '{"type":"unsubscribed"}', '{"type":"gap","topic":"a"}', '{"type":"join","topic":"a"}',
    '{"type":"join","topic":"a","member":null}', '{"type":"leave","topic":1,"member":{}}',
    '{"type":"resume"}', '{"type":"resume","topics":null}', '{"type":"resume","topics":"a"}',
    '{"type":"resume","topics":{"a":1}}', '{"type":"resume","topics":["a",1]}'
  ]
  const decoded = heads.flatMap((head) => [`\0${head}`, `\0${head}\n`, `\0${head}\npayload`]).filter((text) =>
    [text, bytes(text)].some((message) => readServerFrame(message) !== undefined ||
      readClientFrame(message) !== undefined))
  t.same(decoded, [])
  t.equal(readServerFrame('\0{"type":"ping"}\n'), undefined, 'a payload where there is none')
  t.equal(readServerFrame('\0{"type":"send"}'), undefined, 'no payload where there is one')
  t.equal(readServerFrame(Uint8Array.of(0, 0xff, 0x0a)), undefined, 'a head that is not UTF-8')
  t.equal(
    readClientFrame(encodeFrame({ type: 'hello', heartbeat: 1 })), undefined, 'a frame of the server, from a client'
  )
  t.equal(
    readClientFrame('\0{"type":["ping"]}'), undefined, 'a list, which as a key is its only string'
  )
  t.equal(
    readServerFrame(encodeFrame({ type: 'resume', topics: {} })), undefined, 'a frame of a client, from the server'
  )
})

t.test('decoding never throws, whatever the bytes', async (t) => {
  let seed = 7
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const valid = bytes(encodeFrame({ type: 'message', topic: 'é', cursor: '1', prev: '' }, 'payload'))
  for (let i = 0; i < 5_000; i++) {
    const message = valid.slice(0, next(valid.length + 1))
    for (let k = next(4); k > 0; k--) message[next(message.length)] = next(256)
    readServerFrame(message)
    readClientFrame(message)
    const text = Buffer.from(message).toString('latin1')
    readServerFrame(text)
    readClientFrame(text)
  }
  t.pass()
})

t.test('unknown properties of a head are kept', async (t) => {
  t.same(readServerFrame('\0{"type":"ping","later":1}')?.head, { type: 'ping', later: 1 })
})
