// The server of the soak: it answers each number with one of its own, and says of each connection how many came and
// left.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import fastifyWire from '../../index.js'

/** What the server says of a connection that is over. */
export interface ServerEnd {
  readonly id: string
  readonly received: number
  readonly sent: number
  readonly code: number
}

export interface ServerSample {
  readonly heap: number
  readonly buffers: number
  readonly resident: number
  readonly handles: number
  readonly sockets: number
}

export type FromServer =
  { readonly port: number } | { readonly ends: readonly ServerEnd[] } | { readonly fault: string } |
  { readonly sample: ServerSample }

/** Resolves when the message has left; of a parent that is gone nobody has to know. */
const tell = (message: FromServer): Promise<void> => new Promise((resolve) => {
  (process.send as (
    message: unknown, callback: () => void
  ) => void)(message, resolve)
})

const later = (task: Promise<void>): void => { task.catch(() => {}) }

const app = Fastify()
await app.register(fastifyWire, { shutdown: { code: 1012, reason: 'restart', drain: 500 } })
let ends: ServerEnd[] = []

app.ws<{ Querystring: { id: string } }>('/soak', (socket, request) => {
  const { id } = request.query
  let received = 0
  let sent = 0
  socket.on('message', (data: Buffer) => {
    const number = Number(data.toString())
    if (number !== received + 1) later(tell({ fault: `the server got ${number} behind ${received} on ${id}` }))
    received = number
    if (socket.readyState === socket.OPEN && socket.send(String(sent + 1)) !== 'refused') sent++
  })
  socket.on('close', (code) => { ends.push({ id, received, sent, code }) })
})

const report = (): Promise<void> => {
  const told = ends
  ends = []
  return told.length > 0 ? tell({ ends: told }) : Promise.resolve()
}
const reporting = setInterval(() => { later(report()) }, 200)

process.on('message', (request: 'sample' | 'stop') => {
  if (request === 'sample') {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
    later(tell({
      sample: {
        heap: heapUsed,
        buffers: arrayBuffers,
        resident: rss,
        handles: process.getActiveResourcesInfo().length,
        sockets: app.websocketServer.clients.size
      }
    }))
    return
  }
  app.close().then(async () => {
    clearInterval(reporting)
    await report()
    process.disconnect()
  }, (error: unknown) => { later(tell({ fault: String(error) })) })
})

await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4_096 })
await tell({ port: (app.server.address() as AddressInfo).port })
