import Type from 'typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

const Window = Type.Object({ id: Type.String({ minLength: 1, maxLength: 32 }), name: Type.String({ maxLength: 32 }) })
const Point = Type.Object({ x: Type.Number(), y: Type.Number() })
const Cursor = Type.Object({ id: Type.String(), x: Type.Number(), y: Type.Number() })

/** Who is in a room, and where they point. Nobody wants to see where somebody pointed: there is no history. */
export const cursors: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/rooms/:room/cursors', async ({ url }) => ({ members: await app.topics.members(url) }))

  app.ws('/rooms/:room/cursors', {
    topic: true,
    history: { size: 0 },
    presence: ({ query }) => query as Type.Static<typeof Window>,
    // A window that reads slowly gets the newest position of each cursor in place of all of them.
    backpressure: { policy: 'latest' },
    schema: { querystring: Window, message: Point, send: Cursor }
  }, (socket, { query: { id } }) => {
    socket.on('message', ({ x, y }) => socket.publish(socket.topic, { id, x, y }, { kind: id }))
  })
}
