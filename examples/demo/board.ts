import Type from 'typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

const Coordinate = Type.Integer({ minimum: 0, maximum: 1000 })
const Line = Type.Object({
  type: Type.Literal('line'),
  hue: Type.Integer({ minimum: 0, maximum: 359 }),
  /** x, y, x, y, x, y: as far as the pointer came in one frame of the screen. */
  points: Type.Array(Coordinate, { minItems: 4, maxItems: 100 })
})
const Clear = Type.Object({ type: Type.Literal('clear') })
const Change = Type.Union([Line, Clear])

const history = { size: 5000, ttl: 86_400_000 }

/** What a room has drawn. The board is the changes since it was last cleared, as far as the history goes back. */
export const board: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/rooms/:room/board', async ({ url }) => {
    const { messages, cursor } = await app.topics.history(url, { limit: history.size })
    const changes = messages.map(({ data }) => JSON.parse(String(data)) as Type.Static<typeof Change>)
    const lastClear = changes.findLastIndex(({ type }) => type === 'clear')
    return { lines: changes.slice(lastClear + 1), cursor }
  })

  app.ws('/rooms/:room/board', { topic: true, history, schema: { message: Change, send: Change } }, (socket) => {
    socket.on('message', (change) => app.topics.publish(socket.topic, change))
  })
}
