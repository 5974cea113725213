import { createORPCClient } from '@orpc/client'
import { RPCLink } from '@orpc/client/websocket'
import { os, type RouterClient } from '@orpc/server'
import { RPCHandler } from '@orpc/server/ws'
import { newWebSocketRpcSession, RpcTarget } from 'capnweb'
import t from 'tap'
import { WebSocket } from 'ws'
import { createApp, listen } from '../fixtures/app.js'

const Client = WebSocket as unknown as typeof globalThis.WebSocket

// capnweb reads its constants, and Node.js 20 has none.
globalThis.WebSocket ??= Client

t.test('oRPC: a call and an event iterator work', async (t) => {
  const router = {
    add: os.handler(async ({ input }) => Number(input) + 1),
    count: os.handler(async function * () {
      yield 1
      yield 2
    })
  }
  const handler = new RPCHandler(router)
  const app = await createApp(t)
  app.ws('/orpc', (socket) => { handler.upgrade(socket, { context: {} }) })
  const websocket = new Client(`ws://127.0.0.1:${await listen(app)}/orpc`)
  const client: RouterClient<typeof router> = createORPCClient(new RPCLink({ websocket }))
  t.equal(await client.add(41), 42)
  const counted: unknown[] = []
  for await (const value of await client.count()) counted.push(value)
  t.same(counted, [1, 2])
  websocket.close()
})

t.test('capnweb: calls in one round trip, and a call back to the client, work', async (t) => {
  class Calculator extends RpcTarget {
    add (one: number, two: number): number { return one + two }
    async ask (
      question: (text: string) => Promise<string>
    ): Promise<string> { return `it said ${await question('who?')}` }
  }
  const app = await createApp(t)
  app.ws(
    '/capnweb', (socket) => { newWebSocketRpcSession(socket as unknown as globalThis.WebSocket, new Calculator()) }
  )
  const websocket = new Client(`ws://127.0.0.1:${await listen(app)}/capnweb`)
  const calculator = newWebSocketRpcSession<Calculator>(websocket)
  t.equal(await calculator.add(calculator.add(1, 2), 39), 42)
  t.equal(await calculator.ask(async (text) => `${text} me`), 'it said who? me')
  calculator[Symbol.dispose]()
  await new Promise((resolve) => { websocket.addEventListener('close', resolve) })
})
