import type { IncomingMessage } from 'node:http'
import Fastify, { type FastifyServerOptions } from 'fastify'
import t from 'tap'
import { rewrittenUrl } from '../../lib/routes/rewrite-url.js'

const request = { url: '/api/x' } as IncomingMessage

function ask (options: FastifyServerOptions): string {
  return rewrittenUrl(Object.create(Fastify(options)) as object, request)
}

t.test('rewriteUrl of the application rewrites the URL', async (t) => {
  t.equal(ask({ rewriteUrl: (request) => (request.url as string).replace('/api', '') }), '/x')
})

t.test('the URL stays unchanged without rewriteUrl, or if it returns nothing', async (t) => {
  t.equal(ask({}), '/api/x')
  t.equal(ask({ rewriteUrl: () => undefined as unknown as string }), '/api/x')
  t.equal(rewrittenUrl({}, request), '/api/x')
})
