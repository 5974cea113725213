import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyPluginAsync } from 'fastify'

const TYPES: Record<string, string> = {
  '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.md': 'text/plain', '.mjs': 'text/javascript'
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ws: wss:; frame-src 'self'; base-uri 'none'"

/** The page, the client that it loads, and the docs that it links to. */
export const files: FastifyPluginAsync = async (app) => {
  const serve = (url: string, file: URL): void => {
    const content = readFileSync(file)
    const type = `${TYPES[extname(file.pathname)] ?? 'text/plain'}; charset=utf-8`
    app.get(url, async (_request, reply) => reply.type(type).header('content-security-policy', policy).send(content))
  }

  const page = new URL('./page/', import.meta.url)
  for (const name of readdirSync(page)) serve(name === 'index.html' ? '/' : `/${name}`, new URL(name, page))
  serve('/client.mjs', new URL(import.meta.resolve('fastify-wire/client')))

  const docs = new URL('../../../docs/', import.meta.url)
  for (const name of readdirSync(fileURLToPath(docs))) {
    if (name.endsWith('.md')) serve(`/docs/${name}`, new URL(name, docs))
  }
}
