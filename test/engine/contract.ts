import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Recorder, publication, texts, until } from './recorder.js'
import type { Engine, Retention, TopicMessage } from '../../lib/engine/engine.js'

export type * from '../../lib/engine/engine.js'

/**
 * Options of engineContract(), the tests that every engine must pass. They run in any runner whose `test(name, body)`
 * takes an asynchronous function:
 *
 *   import test from 'node:test'
 *   import { engineContract } from 'fastify-wire/engine-test'
 *   engineContract(test, { engine: () => myEngine({ url }) })
 */
export interface ContractOptions {
  /** Creates the engine of one process. All engines share one server and its data. */
  readonly engine: () => Engine
  /** Whether engines of several processes share topics. Default: true. */
  readonly isShared?: boolean
  /** Creates an engine whose server does not answer, with a `publishTimeout` of 200 ms. For engines with a server. */
  readonly unreachable?: () => Engine
}

export type TestFunction = (name: string, body: () => Promise<void>) => unknown

const KEEP: Retention = { size: 100, ttl: 60_000 }

/** Names that are patterns, separators or keys elsewhere, and must be plain names here. */
const NAMES = [
  '/rooms/7', '*', '>', '/rooms/*', '/rooms/?', '/rooms/[0-9]', 'rooms.*', 'rooms.>', 'a b', 'a\r\nPING\r\n',
  'a\0b', '{a}', '}{', '{}x', '}',
  '%', '%2F', '=2F', '/räume/ü', '\u{1F600}', '日本', 'e\u0301', '\u00e9', '', ' ', '.', '..', 'a.', '.a',
  '$SYS.>', '_INBOX.x', '__proto__', 'constructor', 'A', 'a',
  'x'.repeat(1000), 'x'.repeat(1001), 'ü'.repeat(400)
]

export function engineContract (test: TestFunction, options: ContractOptions): void {
  const { engine, isShared = true, unreachable } = options

  /** Runs `body` with `count` processes, and closes them. */
  const processes = async (count: number, body: (all: Process[]) => Promise<void>): Promise<void> => {
    const all: Process[] = []
    try {
      for (let i = 0; i < count; i++) all.push(await start(engine()))
      await body(all)
    } finally {
      await Promise.all(all.map(async ({ engine }) => await engine.close()))
    }
  }
  const one = (name: string, body: (process: Process, topic: string) => Promise<void>): unknown =>
    test(name, () => processes(1, ([process]) => body(process!, topicName())))
  const two = (name: string, body: (first: Process, second: Process, topic: string) => Promise<void>): unknown =>
    isShared ? test(name, () => processes(2, ([first, second]) => body(first!, second!, topicName()))) : undefined

  one('an engine has a name, and reports that it is ready before open() resolves', async ({ engine, events }) => {
    assert.match(engine.name, /^[a-z][a-z0-9-]*$/)
    assert.deepEqual(events.states, ['ready'])
  })

  one('a message is delivered unchanged', async ({ engine, events }, topic) => {
    await engine.subscribe(topic)
    const sent = [
      publication('text ü \u{1F600}'), publication(''), publication(Buffer.from([0, 255, 10, 13, 0])),
      publication(Buffer.alloc(0)),
      publication('price', { kind: 'price/ü\n' }), publication('not to be compressed', { isCompressible: false }),
      publication(Buffer.alloc(70_000, 7)), publication('own id', { id: `order 17\n${randomUUID()} ü` })
    ]
    for (const each of sent) await engine.publish(topic, each, KEEP)
    const got = await events.messages(topic, sent.length)
    const read = (await engine.read(topic, undefined, 100)).messages
    for (const list of [got, read]) {
      assert.equal(list.length, sent.length)
      for (const [i, { id, data, isBinary, kind, isCompressible = true }] of sent.entries()) {
        const { cursor, prev, data: got, ...rest } = list[i]!
        assert.deepEqual(rest, { id, isBinary, kind, isCompressible })
        assert.ok(data.equals(got), `payload ${i}`)
      }
    }
    assert.deepEqual(read.map(({ cursor }) => cursor), got.map(({ cursor }) => cursor))
  })

  one('publish() resolves with the cursor of the delivered message', async ({ engine, events }, topic) => {
    await engine.subscribe(topic)
    const { cursor } = await engine.publish(topic, publication('a'), KEEP)
    const [message] = await events.messages(topic, 1)
    assert.equal(message!.cursor, cursor)
    assert.notEqual(cursor, '')
  })

  one('messages of one process arrive in the order of its publish() calls', async ({
    engine, events
  }, topic) => {
    await engine.subscribe(topic)
    const sent = Array.from({ length: 500 }, (_, i) => String(i))
    await Promise.all(sent.map((text) => engine.publish(topic, publication(text), KEEP)))
    assert.deepEqual(texts(await events.messages(topic, 500)), sent)
  })

  two('all processes receive the messages of all processes in the same order', async (first, second, topic) => {
    await Promise.all([first.engine.subscribe(topic), second.engine.subscribe(topic)])
    await Promise.all(Array.from({ length: 200 }, (_, i) => [
      first.engine.publish(topic, publication(`a${i}`), KEEP), second.engine.publish(topic, publication(`b${i}`), KEEP)
    ]).flat())
    const one = texts(await first.events.messages(topic, 400))
    assert.deepEqual(texts(await second.events.messages(topic, 400)), one)
    assert.deepEqual(one.filter((text) => text.startsWith('a')), Array.from({ length: 200 }, (_, i) => `a${i}`))
  })

  one('each message names the cursor of its predecessor, starting from that of the subscription', async ({
    engine, events
  }, topic) => {
    let last = await engine.subscribe(topic)
    assert.notEqual(last, '')
    for (let i = 0; i < 20; i++) await engine.publish(topic, publication(String(i)), { size: 5, ttl: 60_000 })
    for (const { prev, cursor } of await events.messages(topic, 20)) {
      assert.equal(prev, last)
      last = cursor
    }
    const { messages, head } = await engine.read(topic, undefined, 100)
    assert.equal(head, last)
    assert.deepEqual(messages.slice(1).map(({ prev }) => prev), messages.slice(0, -1).map(({ cursor }) => cursor))
  })

  two('the chain of a topic does not depend on its publishers and subscribers', async (first, second, topic) => {
    const start = await first.engine.subscribe(topic)
    const { cursor } = await second.engine.publish(topic, publication('1'), KEEP)
    assert.equal(await second.engine.subscribe(topic), cursor)
    await first.engine.publish(topic, publication('2'), KEEP)
    const seen = await first.events.messages(topic, 2)
    assert.deepEqual(seen.map(({ prev }) => prev), [start, cursor])
    assert.equal((await second.events.messages(topic, 1))[0]!.prev, cursor)
  })

  one('a topic without history has a chain as well', async ({ engine, events }, topic) => {
    const start = await engine.subscribe(topic)
    const first = await engine.publish(topic, publication('1'), { size: 0, ttl: 0 })
    const second = await engine.publish(topic, publication('2'), { size: 0, ttl: 0 })
    assert.deepEqual((await events.messages(topic, 2)).map(({ prev }) => prev), [start, first.cursor])
    assert.deepEqual(await engine.read(topic, second.cursor, 10), { messages: [], isGap: false, head: second.cursor })
    const missed = await engine.read(topic, first.cursor, 10)
    assert.deepEqual(missed, { messages: [], isGap: true, head: second.cursor })
  })

  one('a second message with the same id is dropped, and answered with the cursor of the first', async ({
    engine, events
  }, topic) => {
    await engine.subscribe(topic)
    const once = publication('once')
    const [first, , again] = await Promise.all([
      engine.publish(topic, once, KEEP), engine.publish(topic, publication('between'), KEEP),
      engine.publish(topic, once, KEEP)
    ])
    assert.equal(again.cursor, first.cursor)
    assert.equal(
      (await engine.publish(topic, { ...publication('other text'), id: once.id }, KEEP)).cursor, first.cursor
    )
    await engine.publish(topic, publication('end'), KEEP)
    assert.deepEqual(texts(await events.messages(topic, 3)), ['once', 'between', 'end'])
    assert.deepEqual(texts((await engine.read(topic, undefined, 10)).messages), ['once', 'between', 'end'])
  })

  one('an id is still known when the history no longer contains its message', async ({ engine, events }, topic) => {
    await engine.subscribe(topic)
    const once = publication('once')
    const { cursor } = await engine.publish(topic, once, { size: 1, ttl: 60_000 })
    for (let i = 0; i < 50; i++) await engine.publish(topic, publication(`${i}`), { size: 1, ttl: 60_000 })
    assert.equal((await engine.publish(topic, once, { size: 1, ttl: 60_000 })).cursor, cursor)
    await engine.publish(topic, publication('end'), KEEP)
    assert.equal((await events.messages(topic, 52)).length, 52)
  })

  one('the same id in two topics is two messages', async ({ engine, events }, topic) => {
    await engine.subscribe(`${topic}a`)
    await engine.subscribe(`${topic}b`)
    const same = publication('same')
    await engine.publish(`${topic}a`, same, KEEP)
    await engine.publish(`${topic}b`, same, KEEP)
    assert.deepEqual(texts(await events.messages(`${topic}a`, 1)), ['same'])
    assert.deepEqual(texts(await events.messages(`${topic}b`, 1)), ['same'])
  })

  two('a process that subscribes, and then reads, has each message once while others publish', async (
    first, second, topic
  ) => {
    const sent = Array.from({ length: 300 }, (_, i) => String(i))
    const { cursor: before } = await first.engine.publish(topic, publication('before'), { size: 1000, ttl: 60_000 })
    const publishing = Promise.all(sent.map((text) => first.engine.publish(
      topic, publication(text), { size: 1000, ttl: 60_000 }
    )))
    const head = await second.engine.subscribe(topic)
    const { messages, isGap } = await second.engine.read(topic, before, 1000)
    await publishing
    assert.equal(isGap, false)
    // The messages read up to the head, and then those delivered after it.
    const read = texts(messages.slice(0, messages.findIndex(({ cursor }) => cursor === head) + 1))
    const live = (): readonly TopicMessage[] => second.events.delivered(topic)
    const behind = (): string[] => {
      const from = live().findIndex(({ prev }) => prev === head)
      return from < 0 ? [] : texts(live().slice(from))
    }
    const count = sent.length - read.length
    await second.events.when(() => behind().length >= count, () => `${behind().length} of ${count} messages`)
    assert.deepEqual([...read, ...behind()], sent)
  })

  one('read() returns the messages after a cursor, oldest first, up to the limit', async ({ engine }, topic) => {
    const cursors: string[] = []
    for (let i = 0; i < 10; i++) cursors.push((await engine.publish(topic, publication(String(i)), KEEP)).cursor)
    const head = cursors[9]!
    const read = async (after: string | undefined, limit: number) => {
      const page = await engine.read(topic, after, limit)
      assert.equal(page.isGap, false)
      assert.equal(page.head, head)
      return texts(page.messages).join('')
    }
    assert.equal(await read(undefined, 100), '0123456789')
    assert.equal(await read(undefined, 3), '789')
    assert.equal(await read(cursors[3], 100), '456789')
    assert.equal(await read(cursors[3], 2), '45')
    assert.equal(await read(cursors[8], 1), '9')
    assert.equal(await read(head, 10), '')
    assert.equal((await engine.read(topic, cursors[3], 1)).messages[0]!.prev, cursors[3])
  })

  one('read() of a topic without messages is empty', async ({ engine }, topic) => {
    const { messages, isGap } = await engine.read(topic, undefined, 10)
    assert.deepEqual({ messages, isGap }, { messages: [], isGap: false })
    const start = await engine.subscribe(topic)
    assert.deepEqual(await engine.read(topic, start, 10), { messages: [], isGap: false, head: start })
    await engine.publish(topic, publication('a'), KEEP)
    const page = await engine.read(topic, start, 10)
    assert.equal(page.isGap, false)
    assert.deepEqual(texts(page.messages), ['a'])
  })

  one('a history keeps at most its size, and read() reports a gap before it', async (
    { engine }, topic
  ) => {
    const cursors: string[] = []
    for (let i = 0; i < 10; i++) {
      cursors.push((await engine.publish(topic, publication(String(i)), { size: 3, ttl: 60_000 })).cursor)
    }
    assert.deepEqual(texts((await engine.read(topic, undefined, 100)).messages), ['7', '8', '9'])
    const behind = await engine.read(topic, cursors[2], 100)
    assert.equal(behind.isGap, true)
    assert.deepEqual(texts(behind.messages), ['7', '8', '9'])
    assert.equal((await engine.read(topic, cursors[7], 100)).isGap, false)
  })

  one('an unknown cursor is a gap', async ({ engine }, topic) => {
    const { cursor } = await engine.publish(topic, publication('a'), KEEP)
    const { cursor: other } = await engine.publish(`${topic} other`, publication('b'), KEEP)
    for (const unknown of [
      '', '0', '-', '+', '*', '$', '(', 'x.y', '0-0', '1-1.x', '99999999999999-1.x', `${cursor}x`, `x${cursor}`, other,
      'x'.repeat(5000), '\r\n'
    ]) {
      const { isGap, head } = await engine.read(topic, unknown, 10)
      assert.equal(isGap, true, JSON.stringify(unknown))
      assert.equal(head, cursor)
    }
  })

  one('a history is removed when it expires, and the chain continues', async ({ engine, events }, topic) => {
    await engine.subscribe(topic)
    const brief = { size: 10, ttl: 100 }
    const first = await engine.publish(topic, publication('a'), brief)
    const { cursor } = await engine.publish(topic, publication('b'), brief)
    await until(async () => (await engine.read(topic, undefined, 10)).messages.length === 0)
    assert.deepEqual(await engine.read(topic, cursor, 10), { messages: [], isGap: false, head: cursor })
    assert.equal((await engine.read(topic, first.cursor, 10)).isGap, true)
    await engine.publish(topic, publication('c'), KEEP)
    assert.equal((await events.messages(topic, 3))[2]!.prev, cursor)
    assert.equal((await engine.read(topic, cursor, 10)).isGap, false)
    assert.deepEqual(texts((await engine.read(topic, undefined, 10)).messages), ['c'])
  })

  one('messages of a topic that is not subscribed, or no longer, are not delivered', async ({
    engine, events
  }, topic) => {
    await engine.publish(topic, publication('before'), KEEP)
    await engine.subscribe(topic)
    await engine.publish(topic, publication('during'), KEEP)
    await events.messages(topic, 1)
    await engine.unsubscribe(topic)
    await engine.publish(topic, publication('after'), KEEP)
    await engine.unsubscribe(topic)
    await engine.unsubscribe('never subscribed')
    const head = await engine.subscribe(topic)
    await engine.publish(topic, publication('again'), KEEP)
    const messages = await events.messages(topic, 2)
    assert.deepEqual(texts(messages), ['during', 'again'])
    assert.equal(messages[1]!.prev, head)
  })

  one('a second subscription to the same topic changes nothing', async ({ engine, events }, topic) => {
    const [a, b] = await Promise.all([engine.subscribe(topic), engine.subscribe(topic)])
    assert.equal(a, b)
    await engine.publish(topic, publication('1'), KEEP)
    await engine.publish(topic, publication('2'), KEEP)
    assert.deepEqual(texts(await events.messages(topic, 2)), ['1', '2'])
  })

  one('topics are exact names, whatever characters they have', async ({ engine, events }, unique) => {
    const names = Array.from(new Set(NAMES.flatMap((name) => [name + unique, unique + name])))
    await Promise.all(names.map((name) => engine.subscribe(name)))
    await Promise.all(names.map((name) => engine.publish(name, publication(name), KEEP)))
    for (const name of names) {
      await events.messages(name, 1)
      assert.deepEqual(texts((await engine.read(name, undefined, 10)).messages), [name])
    }
    for (const name of names) await engine.publish(name, publication('end'), KEEP)
    for (const name of names) {
      assert.deepEqual(texts(await events.messages(name, 2)), [name, 'end'], JSON.stringify(name))
    }
  })

  if (engine().presence !== undefined) presenceContract({ test, one, two, start, engine, isShared })

  one('nothing is accepted after close()', async ({ engine }, topic) => {
    await engine.close()
    await assert.rejects(engine.publish(topic, publication('a'), KEEP), { code: 'FST_WIRE_ENGINE_CLOSED' })
    await assert.rejects(engine.subscribe(topic), { code: 'FST_WIRE_ENGINE_CLOSED' })
    await assert.rejects(engine.read(topic, undefined, 10), { code: 'FST_WIRE_ENGINE_CLOSED' })
    await engine.unsubscribe(topic)
    await engine.close()
  })

  if (unreachable === undefined) return

  test('an engine that cannot reach its server opens, reports down, and rejects publications in time', async () => {
    const { engine, events } = await start(unreachable())
    try {
      assert.deepEqual(events.states, ['down'])
      await assert.rejects(engine.publish('a', publication('a'), KEEP), { code: 'FST_WIRE_PUBLISH_TIMEOUT' })
      await assert.rejects(engine.subscribe('a'), { code: 'FST_WIRE_ENGINE_DOWN' })
      await assert.rejects(engine.read('a', undefined, 10), { code: 'FST_WIRE_ENGINE_DOWN' })
    } finally {
      await engine.close()
    }
  })
}

interface Process {
  readonly engine: Engine
  readonly events: Recorder
}

async function start (engine: Engine): Promise<Process> {
  const events = new Recorder()
  await engine.open(events)
  return { engine, events }
}

const topicName = (): string => `/t/${randomUUID()}`

interface PresenceParts {
  test: TestFunction
  one (name: string, body: (process: Process, topic: string) => Promise<void>): unknown
  two (name: string, body: (first: Process, second: Process, topic: string) => Promise<void>): unknown
  start (engine: Engine): Promise<Process>
  engine (): Engine
  isShared: boolean
}

function presenceContract ({ test, one, two, start, engine: make, isShared }: PresenceParts): void {
  const LEASE = 60_000
  const ann = { id: 'ann ü*>.', info: '{"name":"Ann\\n:"}' }
  const bob = { id: 'bob', info: '{}' }

  one('members join, are listed, and leave', async ({ engine, events }, topic) => {
    const presence = engine.presence!
    assert.deepEqual(await presence.members(topic), [])
    await engine.subscribe(topic)
    await presence.join(topic, ann, LEASE)
    await presence.join(topic, bob, LEASE)
    assert.deepEqual(new Set((await presence.members(topic)).map(({ id }) => id)), new Set([ann.id, bob.id]))
    await presence.leave(topic, ann.id)
    await presence.leave(topic, 'nobody')
    assert.deepEqual(await presence.members(topic), [bob])
    assert.deepEqual(await events.presence(topic, 3), [
      `+${ann.id}${ann.info}`, `+${bob.id}${bob.info}`, `-${ann.id}${ann.info}`
    ])
    assert.deepEqual(await presence.members(`${topic}*`), [])
    await presence.leave(topic, bob.id)
  })

  one('a member that the process already holds does not join again', async ({ engine, events }, topic) => {
    await engine.subscribe(topic)
    await engine.presence!.join(topic, ann, LEASE)
    await engine.presence!.join(topic, ann, LEASE)
    await engine.presence!.leave(topic, ann.id)
    await engine.presence!.join(topic, bob, LEASE)
    assert.deepEqual((await events.presence(topic, 3)).map((each) => each[0]), ['+', '-', '+'])
    await engine.presence!.leave(topic, bob.id)
  })

  one('members of a topic that is not subscribed are not reported', async ({ engine, events }, topic) => {
    await engine.presence!.join(topic, ann, LEASE)
    await engine.subscribe(topic)
    await engine.presence!.leave(topic, ann.id)
    assert.deepEqual(await events.presence(topic, 1), [`-${ann.id}${ann.info}`])
  })

  two('a member of several processes joins once, and leaves with the last of them', async (first, second, topic) => {
    await Promise.all([first.engine.subscribe(topic), second.engine.subscribe(topic)])
    await first.engine.presence!.join(topic, ann, LEASE)
    await second.engine.presence!.join(topic, ann, LEASE)
    assert.deepEqual(await second.engine.presence!.members(topic), [ann])
    await first.engine.presence!.leave(topic, ann.id)
    assert.deepEqual(await first.engine.presence!.members(topic), [ann])
    await second.engine.presence!.leave(topic, ann.id)
    assert.deepEqual(await first.engine.presence!.members(topic), [])
    for (const { events } of [first, second]) {
      assert.deepEqual(await events.presence(topic, 2), [`+${ann.id}${ann.info}`, `-${ann.id}${ann.info}`])
    }
  })

  two('all members are listed, even while others come and go, in this topic and in others', async (
    first, second, topic
  ) => {
    await first.engine.presence!.join(topic, ann, LEASE)
    const stop = new AbortController()
    const changes = Promise.all(Array.from({ length: 8 }, async (_, i) => {
      const other = { id: `other ${i}`, info: '{}' }
      while (!stop.signal.aborted) {
        for (const where of [topic, `${topic}/${i}`]) {
          await second.engine.presence!.join(where, other, LEASE)
          await second.engine.presence!.leave(where, other.id)
        }
      }
    }))
    try {
      for (let i = 0; i < 40; i++) {
        const listed = await first.engine.presence!.members(topic)
        assert.deepEqual(listed.filter(({ id }) => id === ann.id), [ann])
      }
    } finally {
      stop.abort()
      await changes
    }
  })

  two('a member is listed once, even while other processes join and leave as the same member', async (
    first, second, topic
  ) => {
    await first.engine.presence!.join(topic, ann, LEASE)
    await first.engine.presence!.join(topic, bob, LEASE)
    const stop = new AbortController()
    const changes = Promise.all([ann, bob].map(async (member) => {
      while (!stop.signal.aborted) {
        await second.engine.presence!.join(topic, member, LEASE)
        await second.engine.presence!.leave(topic, member.id)
      }
    }))
    try {
      for (let i = 0; i < 20; i++) {
        const listed = await first.engine.presence!.members(topic)
        assert.deepEqual(listed.map(({ id }) => id).sort(), [ann.id, bob.id])
      }
    } finally {
      stop.abort()
      await changes
    }
  })

  if (!isShared) return

  test('members of a process that is gone leave when its lease expires, unless another holds them', async () => {
    const topic = topicName()
    const left = await start(make())
    const gone = await start(make())
    try {
      await left.engine.subscribe(topic)
      await gone.engine.presence!.join(topic, ann, 500)
      await gone.engine.presence!.join(topic, bob, 500)
      await left.engine.presence!.join(topic, bob, 500)
      // The process leaves without notice, as if it were killed: close() does not remove its members.
      await gone.engine.close()
      assert.deepEqual(await left.events.presence(topic, 3), [
        `+${ann.id}${ann.info}`, `+${bob.id}${bob.info}`, `-${ann.id}${ann.info}`
      ])
      assert.deepEqual(await left.engine.presence!.members(topic), [bob])
      await left.engine.presence!.leave(topic, bob.id)
      assert.equal((await left.events.presence(topic, 4))[3], `-${bob.id}${bob.info}`)
    } finally {
      await Promise.all([left.engine.close(), gone.engine.close()])
    }
  })

  test('a running process renews its lease', async () => {
    const topic = topicName()
    const [living, watching] = [await start(make()), await start(make())]
    try {
      await watching.engine.subscribe(topic)
      await living.engine.presence!.join(topic, ann, 1500)
      // The member of a process that has closed leaves, which shows that more time than a lease has passed.
      const gone = await start(make())
      await gone.engine.presence!.join(topic, bob, 2500)
      await gone.engine.close()
      assert.deepEqual(
        (await watching.events.presence(topic, 3)).map((each) => each.slice(0, 4)), ['+ann', '+bob', '-bob']
      )
      assert.deepEqual(await watching.engine.presence!.members(topic), [ann])
      await living.engine.presence!.leave(topic, ann.id)
    } finally {
      await Promise.all([living.engine.close(), watching.engine.close()])
    }
  })
}
