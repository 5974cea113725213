import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import type { WebSocket } from 'ws'
import { FANOUT_MESSAGE } from '../payload.js'
import { serve } from './serve.js'

// An import would merge its declarations of FastifyInstance into ours.
const plugin = createRequire(
  import.meta.url
)('@fastify/websocket') as FastifyPluginAsync<{ options: { perMessageDeflate: boolean } }>

interface SocketRoutes {
  readonly websocketServer: { readonly clients: Set<WebSocket> }
  get (url: string, options: { websocket: true }, handler: (socket: WebSocket) => void): void
}

serve(async ({ deflate }, certificate) => {
  const app = Fastify({ https: certificate ?? null }) as unknown as FastifyInstance
  await app.register(plugin, { options: { perMessageDeflate: deflate } })
  const routes = app as unknown as SocketRoutes

  routes.get('/echo', { websocket: true }, (socket) => {
    socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
  })
  routes.get('/fanout', { websocket: true }, (socket) => {
    socket.on('message', (data) => {
      for (let count = Number(String(data)); count > 0; count--) {
        for (const receiver of routes.websocketServer.clients) receiver.send(FANOUT_MESSAGE)
      }
    })
  })

  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
})
