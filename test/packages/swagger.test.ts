// What describes the HTTP API of an application, beside sockets at the same URLs.
import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import t, { type Test } from 'tap'
import { fastifyWire } from '../../index.js'

// Without its types, which merge into the types of Fastify for all files that are compiled with this one.
const swagger = createRequire(import.meta.url)('@fastify/swagger') as FastifyPluginCallback<{ openapi: object }>

type Paths = Record<string, { get?: { summary?: string } }>

const summary = 'the value as it is now'
const querystring = (name: string): object => ({ type: 'object', properties: { [name]: { type: 'string' } } })

const declareResource = (app: FastifyInstance): void => {
  app.get('/slider', { schema: { summary, querystring: querystring('unit') } }, async () => ({ value: 1 }))
}
const declareSocket = (app: FastifyInstance): void => {
  app.ws('/slider', { schema: { querystring: querystring('token') } }, () => {})
}

async function documentOf (t: Test, ...declarations: Array<(app: FastifyInstance) => void>): Promise<Paths> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(swagger, { openapi: { info: { title: 'test', version: '1' } } })
  await app.register(fastifyWire)
  for (const declare of declarations) declare(app)
  await app.ready()
  return (app as unknown as { swagger (): { paths: Paths } }).swagger().paths
}

t.test('the OpenAPI document has the resource at the URL of a socket, whichever is declared first', async (t) => {
  for (const declarations of [[declareResource, declareSocket], [declareSocket, declareResource]]) {
    const paths = await documentOf(t, ...declarations)
    t.same(Object.keys(paths), ['/slider'])
    t.match(paths['/slider'], { get: { summary, parameters: [{ name: 'unit' }] } })
  }
})

t.test('the OpenAPI document omits URLs with only a socket', async (t) => {
  const schema = Object.freeze({ message: { type: 'object', properties: { a: { type: 'integer' } } } })
  const paths = await documentOf(t,
    (app) => { app.ws('/plain', () => {}) },
    (app) => { app.ws('/query', { schema: { querystring: querystring('token') } }, () => {}) },
    (app) => { app.ws('/message', { schema }, () => {}) },
    (app) => { app.get('/drop-in', { websocket: true }, () => {}) })
  t.same(paths, {})
  t.same(Object.keys(schema), ['message'], 'the schema that was given is not changed')
})

t.test('an application can document a socket explicitly', async (t) => {
  const paths = await documentOf(t, (app) => {
    app.ws('/shown', {
      schema: { hide: false, summary: 'a socket' } as object
    }, () => {})
  })
  t.match(paths, { '/shown': { get: { summary: 'a socket' } } })
})

t.test('a schema shared by a resource and a drop-in socket stays unchanged', async (t) => {
  const schema = { summary }
  const paths = await documentOf(t,
    (app) => { app.get('/socket', { schema: schema as object, websocket: true }, () => {}) },
    (app) => { app.get('/resource', { schema: schema as object }, async () => '') })
  t.same(Object.keys(paths), ['/resource'])
  t.same(Object.keys(schema), ['summary'])
})
