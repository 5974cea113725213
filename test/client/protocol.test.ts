import { readFileSync } from 'node:fs'
import { compileFunction } from 'node:vm'
import t from 'tap'
import Ws from 'ws'
import { createApp, listen } from '../fixtures/app.js'
import { LiveRoom } from '../fixtures/live-room.js'

const TOPIC = '/rooms/7'
const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
const code = /```js\n(function follow [^]*?)```/.exec(text)![1]!

interface Handlers {
  onMessage (data: string, topic?: string): void
  onGap (topic: string): void
}

t.test('the client of docs/protocol.md', async (t) => {
  t.ok(code.trimEnd().split('\n').length <= 36, 'is about thirty lines')

  t.test('misses nothing during a restart of the server, and reports a gap', async (t) => {
    // `ws` throws where nobody listens for errors.
    class Quiet extends Ws {
      constructor (url: string, protocols: string[]) {
        super(url, protocols)
        this.on('error', () => {})
      }
    }
    let isOver = false
    const withoutDelay = (connect: () => void): void => { if (!isOver) setImmediate(connect) }
    const follow = compileFunction(`${code}; return follow`, ['WebSocket', 'setTimeout'])(Quiet, withoutDelay) as (
      url: string, handlers: Handlers
    ) => void
    const room = new LiveRoom(TOPIC)
    const seen: string[] = []
    let wake = (): void => {}
    const until = async (count: number): Promise<void> => {
      while (seen.length < count) await new Promise<void>((resolve) => { wake = resolve })
    }
    const see = (what: string): void => {
      seen.push(what)
      wake()
    }
    const first = await createApp(t)
    room.addRoute(first)
    const port = await listen(first)
    follow(`ws://127.0.0.1:${port}${TOPIC}`, {
      onMessage: (data, topic) => { see(`${topic} ${data}`) }, onGap: (topic) => { see(`gap ${topic}`) }
    })
    await room.followers(1)
    room.publish('one')
    await until(1)
    await first.close()
    room.publish('two')
    const second = await createApp(t)
    room.addRoute(second)
    await second.listen({ port, host: '127.0.0.1' })
    await until(2)
    await second.close()
    for (const data of ['gone', 'three']) room.publish(data)
    room.entries.splice(0, 3)
    const third = await createApp(t)
    room.addRoute(third)
    await third.listen({ port, host: '127.0.0.1' })
    await until(4)
    room.publish('four\nlines')
    await until(5)
    isOver = true
    t.same(seen, [`${TOPIC} one`, `${TOPIC} two`, `gap ${TOPIC}`, `${TOPIC} three`, `${TOPIC} four\nlines`])
  })
})
