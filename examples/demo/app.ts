import { existsSync, readFileSync } from 'node:fs'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { fastifyWire, type WireSocket } from '../../index.js'

/** One client of the live stream, as the others see it. */
interface Follower {
  readonly id: number
  readonly version: WireSocket['version']
}

// tsc does not copy the page, so the compiled demo reads it from the sources: dist/examples/demo → examples/demo.
const pageUrl = ['./page.html', '../../../examples/demo/page.html']
  .map(path => new URL(path, import.meta.url))
  .find(url => existsSync(url))

const open = 1

/** A follower that leaves this much unread is cut off, so that one stalled client cannot fill the memory. */
const maxUnread = 1024 * 1024

const sliderSchema = {
  type: 'object',
  required: ['value'],
  properties: { value: { type: 'integer', minimum: 0, maximum: 100 } }
} as const

const isValue = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 100

const parse = (text: string): Record<string, unknown> | undefined => {
  try {
    const message: unknown = JSON.parse(text)
    return typeof message === 'object' && message !== null ? { ...message } : undefined
  } catch {
    return undefined
  }
}

/** The demo: a slider at `/slider`, over HTTP and as a live stream, and a page at `/` that moves it. */
export async function buildDemo (options: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify(options)
  await app.register(fastifyWire)

  if (pageUrl === undefined) throw new Error('examples/demo/page.html is missing')
  const page = readFileSync(pageUrl)

  const followers = new Map<WireSocket, Follower>()
  let value = 50
  let lastId = 0

  const slider = () => ({ value, followers: [...followers.values()] })

  const tellAll = (event: object) => {
    const text = JSON.stringify(event)
    for (const socket of followers.keys()) {
      if (socket.bufferedAmount > maxUnread) socket.terminate()
      else if (socket.readyState === open) socket.send(text)
    }
  }

  const move = (to: number, by: number | null) => {
    value = to
    tellAll({ type: 'value', value, by })
  }

  const tellFollowers = () => tellAll({ type: 'followers', followers: [...followers.values()] })

  app.get('/', async (_request, reply) => reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy',
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self' ws: wss:")
    .send(page))

  app.get('/slider', async (_request, reply) => reply.header('cache-control', 'no-store').send(slider()))

  app.put<{ Body: { value: number } }>('/slider', { schema: { body: sliderSchema } }, async request => {
    move(request.body.value, null)
    return slider()
  })

  app.ws('/slider', (socket: WireSocket) => {
    const id = ++lastId

    socket.on('message', (data, isBinary) => {
      if (isBinary) return socket.close(1003, 'Text messages only')
      const message = parse(String(data))
      if (message === undefined) return socket.close(1007, 'Not a JSON object')
      if (message.type === 'ping' && typeof message.at === 'number') {
        socket.send(JSON.stringify({ type: 'ping', at: message.at }))
      } else if (message.type === 'value' && isValue(message.value)) {
        move(message.value, id)
      } else {
        socket.close(1008, 'Unknown message')
      }
    })

    socket.on('close', () => {
      followers.delete(socket)
      tellFollowers()
    })

    followers.set(socket, { id, version: socket.version })
    socket.send(JSON.stringify({ type: 'hello', id, value }))
    tellFollowers()
  })

  return app
}
