import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Follower } from './follower.js'
import { Recorder, publication, texts, until } from './recorder.js'
import { TcpProxy } from '../fixtures/tcp-proxy.js'
import type { TestFunction } from './contract.js'
import type { LocalServer } from '../fixtures/local-server.js'
import type { Engine, HistoryPage } from '../../lib/engine/engine.js'

export interface FaultOptions {
  /** Starts a server for one test. */
  start (persists: boolean): Promise<LocalServer>
  /** @param url of the server, or of a proxy in front of it */
  engine (url: string): Engine
}

const KEEP = { size: 100_000, ttl: 600_000 }

interface Load {
  readonly topic: string
  readonly server: LocalServer
  readonly proxy: TcpProxy
  readonly followers: readonly Follower[]
  readonly acknowledged: string[]
  /** Resolves once `count` more messages are acknowledged. */
  more (count: number): Promise<void>
}

/** Tests that break something while messages are published, and check the messages that two processes receive. */
export function engineFaults (test: TestFunction, { start, engine }: FaultOptions): void {
  const underLoad = async (persists: boolean, fault: (load: Load) => Promise<void>): Promise<Load> => {
    const server = await start(persists)
    const proxy = new TcpProxy(server.port)
    const url = server.url.replace(/\d+$/, String(await proxy.listen()))
    const topic = `/faults/${randomUUID()}`
    const publisher = engine(url)
    const engines = [engine(url), engine(url)]
    const followers = engines.map((each) => new Follower(each, topic))
    const acknowledged: string[] = []
    const waiting = new Set<() => void>()
    const failures: unknown[] = []
    const end = new AbortController()
    const load: Load = {
      topic,
      server,
      proxy,
      followers,
      acknowledged,
      more: async (count) => {
        const enough = acknowledged.length + count
        while (acknowledged.length < enough && failures.length === 0) {
          await new Promise<void>((resolve) => waiting.add(resolve))
        }
        if (failures.length > 0) throw failures[0]
      }
    }
    try {
      await publisher.open(new Recorder())
      await Promise.all(followers.map((follower) => follower.start()))
      let count = 0
      // Ten publishers, each with one pending message.
      const writers = Promise.all(Array.from({ length: 10 }, async () => {
        while (!end.signal.aborted) {
          const text = String(count++)
          await publisher.publish(topic, publication(text), KEEP).then(
            () => acknowledged.push(text), (error: unknown) => failures.push(error))
          for (const resolve of waiting) resolve()
          waiting.clear()
        }
      }))
      await load.more(100)
      await fault(load).finally(() => end.abort())
      await writers
      await publisher.publish(topic, publication('end'), KEEP)
      await Promise.all(followers.map((follower) => follower.until('end')))
    } finally {
      await Promise.all([publisher, ...engines].map((each) => each.close()))
      await proxy.close()
      await server.stop()
    }
    return load
  }

  const check = ({ followers, acknowledged }: Load): void => {
    for (const { received, gaps } of followers) {
      const numbers = received.slice(0, -1).map(Number)
      assert.deepEqual(acknowledged.filter((text) => !received.includes(text)), [], 'lost')
      assert.equal(new Set(received).size, received.length, 'doubled')
      assert.deepEqual(numbers, numbers.slice().sort((a, b) => a - b), 'out of order')
      assert.equal(gaps, 0)
    }
    assert.deepEqual(followers[0]!.received, followers[1]!.received)
  }

  test('a persistent server that is killed and restarted loses no acknowledged message', async () => {
    check(await underLoad(true, async ({ server, more }) => {
      for (let i = 0; i < 3; i++) {
        await server.kill()
        await server.start()
        await more(200)
      }
    }))
  })

  test('a server without persistence that is killed leaves a gap for each loss', async () => {
    const { followers } = await underLoad(false, async ({ server, more }) => {
      await server.kill()
      await server.start()
      await more(200)
    })
    for (const { received, gaps } of followers) {
      assert.equal(new Set(received).size, received.length, 'doubled')
      assert.ok(gaps > 0)
    }
  })

  test('after a backup was restored, a cursor from before reads what was published since, and nothing twice',
    async () => {
      const server = await start(true)
      const client = engine(server.url)
      const topic = `/faults/${randomUUID()}`
      const publish = async (...all: string[]): Promise<string[]> => {
        const accepted = await Promise.all(all.map((text) => client.publish(topic, publication(text), KEEP)))
        return accepted.map(({ cursor }) => cursor)
      }
      // An engine can publish again before it is ready: its other connection may take longer.
      const read = async (cursor: string): Promise<HistoryPage> => {
        let page: HistoryPage | undefined
        await until(async () => {
          page = await client.read(topic, cursor, 10).catch((error: { code?: string }) => {
            if (error.code !== 'FST_WIRE_ENGINE_DOWN') throw error
            return undefined
          })
          return page !== undefined
        })
        return page!
      }
      try {
        await client.open(new Recorder())
        await publish('a', 'b')
        const restore = await server.backUp()
        const cursors = await publish('c', 'd', 'e')
        await restore()
        // After as many messages as were lost, the server has used the sequence numbers of all cursors again.
        for (const text of ['f', 'g', 'h', 'i']) {
          await publish(text)
          for (const cursor of cursors) {
            const { messages, isGap } = await read(cursor)
            assert.equal(isGap, true)
            assert.deepEqual(texts(messages), ['f', 'g', 'h', 'i'].slice(0, 'fghi'.indexOf(text) + 1))
          }
        }
      } finally {
        await client.close()
        await server.stop()
      }
    })

  test('dropped connections neither lose nor duplicate messages', async () => {
    check(await underLoad(false, async ({ proxy, more }) => {
      for (let i = 0; i < 10; i++) {
        proxy.dropAll()
        await more(50)
      }
    }))
  })

  test('a server that does not respond for a while loses nothing', async () => {
    check(await underLoad(false, async ({ server, more }) => {
      server.freeze()
      await new Promise((resolve) => setTimeout(resolve, 300))
      server.thaw()
      await more(100)
    }))
  })
}
