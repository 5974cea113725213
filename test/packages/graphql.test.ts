import { once } from 'node:events'
import { createRequire } from 'node:module'
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import { createClient, type Client } from 'graphql-ws'
import mercurius from 'mercurius'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { SocketHandler } from '../../index.js'
import { createApp, listen } from '../fixtures/app.js'

// Its types merge those of @fastify/websocket into Fastify's, beside ours.
const { makeHandler } = createRequire(import.meta.url)('graphql-ws/use/@fastify/websocket') as {
  makeHandler (options: { schema: GraphQLSchema }): SocketHandler
}

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { hello: { type: GraphQLString, resolve: () => 'world' } } }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      greetings: {
        type: GraphQLString,
        subscribe: async function * () {
          for (const greetings of ['Hi', 'Bonjour', 'Hola']) yield { greetings }
        }
      }
    }
  })
})

function connect (t: Test, port: number): Client {
  const client = createClient({ url: `ws://127.0.0.1:${port}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 })
  t.teardown(() => client.dispose())
  return client
}

async function collect (client: Client, query: string): Promise<unknown[]> {
  const results: unknown[] = []
  for await (const { data } of client.iterate({ query })) results.push({ ...data })
  return results
}

for (const way of ['app.get with websocket: true', 'app.ws']) {
  t.test(`graphql-ws: a query and a subscription, through ${way}`, async (t) => {
    const app = await createApp(t)
    if (way === 'app.ws') app.ws('/graphql', makeHandler({ schema }))
    else app.get('/graphql', { websocket: true }, makeHandler({ schema }))
    const port = await listen(app)
    const client = connect(t, port)
    t.same(await collect(client, '{ hello }'), [{ hello: 'world' }])
    t.same(await collect(client, 'subscription { greetings }'), [
      { greetings: 'Hi' }, { greetings: 'Bonjour' }, { greetings: 'Hola' }
    ])

    // The handler has assigned the option by now, so that a subprotocol it does not speak is not agreed on.
    const stranger = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'unknown')
    const [error] = await once(stranger, 'error')
    t.match(String(error), /no subprotocol/)
  })
}

t.test('mercurius: a subscription works on the server that mercurius finds', async (t) => {
  const app = await createApp(t)
  const { websocketServer } = app
  await app.register(mercurius, {
    schema: `
      type Query { hello: String }
      type Mutation { greet(name: String!): Boolean }
      type Subscription { greeted: String }`,
    resolvers: {
      Query: { hello: async () => 'world' },
      Mutation: {
        greet: async (_root, { name }: { name: string }, { pubsub }) => {
          await pubsub.publish({ topic: 'greeted', payload: { greeted: name } })
          return true
        }
      },
      Subscription: { greeted: { subscribe: async (_root, _args, { pubsub }) => pubsub.subscribe('greeted') } }
    },
    subscription: { fullWsTransport: true }
  })
  const client = connect(t, await listen(app))
  t.equal(app.websocketServer, websocketServer)

  const greeted = client.iterate({ query: 'subscription { greeted }' })
  const first = greeted.next()
  // Over the same connection: the subscription comes before it.
  t.same(await collect(client, 'mutation { greet(name: "Ada") }'), [{ greet: true }])
  t.same({ ...(await first).value?.data }, { greeted: 'Ada' })
  await greeted.return?.()
})
