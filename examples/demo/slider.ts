import Type from 'typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

const Value = Type.Integer({ minimum: 0, maximum: 100 })
/** `move` names one move of one window, so that the window knows its own when it comes back. */
const Move = Type.Object({ value: Value, move: Type.String({ maxLength: 32 }) })

/** A value that everybody in a room sets. Its last move is what it is now. */
export const slider: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/rooms/:room/slider', async ({ url }) => {
    const { messages, cursor } = await app.topics.history(url, { limit: 1 })
    const { value } = messages[0] ? JSON.parse(String(messages[0].data)) as { value: number } : { value: 50 }
    return { value, cursor }
  })

  app.put('/rooms/:room/slider', {
    schema: { body: Type.Object({ value: Value }) }
  }, async ({ url, body: { value } }) => {
    await app.topics.publish(url, { value, move: '' })
    return { value }
  })

  app.ws('/rooms/:room/slider', {
    topic: true, history: { ttl: 86_400_000 }, schema: { message: Move, send: Move }
  }, (socket) => {
    socket.on('message', (move) => app.topics.publish(socket.topic, move))
  })
}
