import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import { initTRPC } from '@trpc/server'
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify'
import t from 'tap'
import { WebSocket } from 'ws'
import { createApp, listen } from '../fixtures/app.js'

const { router, procedure } = initTRPC.create()
const counter = router({
  add: procedure.input((value) => Number(value)).query(({ input }) => input + 1),
  count: procedure.subscription(async function * () {
    yield 1
    yield 2
    yield 3
  })
})

t.test('tRPC: a query and a subscription work over useWSS, and the socket ends', async (t) => {
  const app = await createApp(t)
  await app.register(fastifyTRPCPlugin, {
    prefix: '/trpc', useWSS: true, trpcOptions: { router: counter }
  } satisfies FastifyTRPCPluginOptions<typeof counter>)
  const port = await listen(app)
  const socketClient = createWSClient({
    url: `ws://127.0.0.1:${port}/trpc`, WebSocket: WebSocket as unknown as typeof globalThis.WebSocket
  })
  const client = createTRPCClient<typeof counter>({ links: [wsLink({ client: socketClient })] })

  t.equal(await client.add.query(41), 42)
  const counted: number[] = []
  await new Promise<void>((resolve, reject) => {
    client.count.subscribe(undefined, {
      onData: (value) => { counted.push(Number(value)) },
      onError: reject,
      onComplete: resolve
    })
  })
  t.same(counted, [1, 2, 3])

  const [socket] = app.websocketServer.clients
  const closed = new Promise((resolve) => { socket?.on('close', resolve) })
  await socketClient.close()
  await closed
  t.equal(app.websocketServer.clients.size, 0)
})
