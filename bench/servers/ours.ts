import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import type { WireSocket } from '../../index.js'
import { FANOUT_MESSAGE } from '../payload.js'
import { serve } from './serve.js'

type Entry = typeof import('../../index.js')

serve(async ({ deflate, entry }, certificate) => {
  const { fastifyWire } = await import(entry) as Entry
  const app = Fastify({ https: certificate ?? null }) as unknown as FastifyInstance
  // An older commit may not have this option. It then negotiates no compression, and the row has a note.
  await app.register(fastifyWire, deflate ? { perMessageDeflate: true } as object : {})

  app.ws('/echo', (socket) => {
    socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
  })

  const receivers = new Set<WireSocket>()
  const publish = publisher(app, receivers)
  app.ws('/fanout', (socket) => {
    receivers.add(socket)
    socket.on('close', () => { receivers.delete(socket) })
    socket.on('message', (data) => {
      for (let count = Number(data.toString()); count > 0; count--) publish(FANOUT_MESSAGE)
    })
  })

  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
})

/** An older commit may not have broadcast(). Its users send to each socket instead. */
function publisher (app: FastifyInstance, receivers: Set<WireSocket>): (data: Buffer) => void {
  const { websocketServer: server } = app as unknown as { websocketServer?: { broadcast?: (data: Buffer) => void } }
  if (typeof server?.broadcast === 'function') return (data) => { server.broadcast?.(data) }
  return (data) => { for (const socket of receivers) socket.send(data) }
}
