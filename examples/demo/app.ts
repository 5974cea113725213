import Fastify, { type FastifyInstance } from 'fastify'
import fastifyWire from 'fastify-wire'
import { redisEngine } from 'fastify-wire/redis'
import { board } from './board.js'
import { cursors } from './cursors.js'
import { files } from './files.js'
import { life } from './life.js'
import { slider } from './slider.js'

/**
 * The demo: rooms with a board, a slider and the cursors of everybody.
 * @param redis the URL of a Redis that several processes share; without it, topics live in the memory of this one
 */
export async function buildDemo (redis?: string): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(fastifyWire, redis ? { engine: redisEngine({ url: redis }) } : {})
  await app.register(board)
  await app.register(slider)
  await app.register(cursors)
  await app.register(life, { engine: redis ? 'redis' : 'memory' })
  await app.register(files)
  return app
}
