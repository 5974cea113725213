import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import fastifyWire from 'fastify-wire'
import { redisEngine } from 'fastify-wire/redis'
import Type from 'typebox'

declare module '@fastify/jwt' {
  interface FastifyJWT { payload: { name: string }, user: { name: string, exp: number } }
}

const { PORT = '3000', REDIS_URL, JWT_SECRET = randomBytes(32).toString('hex') } = process.env
const COOKIE = { path: '/', httpOnly: true, sameSite: 'strict', secure: 'auto' } as const
const Login = Type.Object({ name: Type.String({ minLength: 1, maxLength: 40 }) })
// The id is chosen by the page: a message that is sent again after a lost connection is published once.
const Said = Type.Object({
  id: Type.String({ minLength: 8, maxLength: 64 }), text: Type.String({ minLength: 1, maxLength: 2000 })
})
const Message = Type.Object({ id: Type.String(), text: Type.String(), from: Type.String(), at: Type.Integer() })

const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
await app.register(fastifyWire, REDIS_URL ? { engine: redisEngine({ url: REDIS_URL }) } : {})
await app.register(cookie)
await app.register(jwt, { secret: JWT_SECRET, cookie: { cookieName: 'token', signed: false } })

for (const [url, type, file] of [
  ['/', 'text/html', new URL('page.html', import.meta.url)],
  ['/client.mjs', 'text/javascript', new URL(import.meta.resolve('fastify-wire/client'))]
] as const) {
  const content = readFileSync(file)
  app.get(url, async (_request, reply) => reply.type(`${type}; charset=utf-8`).send(content))
}

// A real application asks for a password here. Scripts cannot read the cookie, and other sites cannot send it.
app.post('/login', { schema: { body: Login } }, async ({ body: { name } }, reply) =>
  reply.setCookie('token', app.jwt.sign({ name }, { expiresIn: '8h' }), COOKIE).code(204).send())

await app.register(async (app) => {
  // Holds for the resource and for its socket: who may read a room may follow it.
  app.addHook('onRequest', async (request) => { await request.jwtVerify() })

  app.get('/rooms/:room', async ({ url }) => {
    const { messages, cursor } = await app.topics.history(url, { limit: 200 })
    return { messages: messages.map(({ data }) => JSON.parse(String(data)) as Type.Static<typeof Message>), cursor }
  })

  app.withTypeProvider<TypeBoxTypeProvider>().ws('/rooms/:room', {
    topic: true,
    history: { size: 1000, ttl: 7 * 86_400_000 },
    presence: ({ user }) => ({ id: user.name }),
    schema: { message: Said, send: Message }
  }, (socket, { user }) => {
    socket.closeAt(user.exp * 1000, 1008, 'log in again')
    // Where this rejects, the socket closes with 1011, and the page connects and sends again.
    socket.on('message', async ({ id, text }) => {
      const message = { id, text, from: user.name, at: Date.now() }
      await app.topics.publish(socket.topic, message, { id: `${user.name}:${id}` })
    })
  })
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port: Number(PORT) })
