// The server of the soak: it answers each message with one of its own numbers, and reports for each connection what it
// received and sent.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import fastifyWire from '../../index.js'
import { Sequence, messageOf, type Tally } from './sequence.js'

/** The counts of a closed connection. */
export interface ServerEnd {
  readonly id: string
  readonly received: Tally
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
  { readonly port: number, readonly before: ServerSample } | { readonly ends: readonly ServerEnd[] } |
  { readonly fault: string } | { readonly sample: ServerSample }

/** Resolves when the message has been sent, or when the parent has exited. */
const sendToParent = (message: FromServer): Promise<void> => new Promise((resolve) => {
  (process.send as (message: unknown, callback: () => void) => void)(message, resolve)
})

const inBackground = (task: Promise<void>): void => { task.catch(() => {}) }

const app = Fastify()
await app.register(fastifyWire, { shutdown: { code: 1012, reason: 'restart', drain: 500 } })
let ends: ServerEnd[] = []

app.ws<{ Querystring: { id: string } }>('/soak', (socket, request) => {
  const { id } = request.query
  const received = new Sequence(Number(id))
  let sent = 0
  socket.on('message', (data: Buffer) => {
    const fault = received.receive(data.toString())
    if (fault !== undefined) inBackground(sendToParent({ fault: `the server received ${fault} on ${id}` }))
    if (socket.readyState === socket.OPEN && socket.send(messageOf(sent + 1, Number(id))) !== 'refused') sent++
  })
  socket.on('close', (code) => { ends.push({ id, received: received.tally, sent, code }) })
})

const report = (): Promise<void> => {
  const reported = ends
  ends = []
  return reported.length > 0 ? sendToParent({ ends: reported }) : Promise.resolve()
}
const reporting = setInterval(() => { inBackground(report()) }, 200)

const takeSample = (): ServerSample => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return {
    heap: heapUsed,
    buffers: arrayBuffers,
    resident: rss,
    // The immediates of a busy moment are no handles.
    handles: process.getActiveResourcesInfo().filter((resource) => resource !== 'Immediate').length,
    sockets: app.websocketServer.clients.size
  }
}

process.on('message', (request: 'sample' | 'stop') => {
  if (request === 'sample') {
    inBackground(sendToParent({ sample: takeSample() }))
    return
  }
  app.close().then(async () => {
    clearInterval(reporting)
    await report()
    process.disconnect()
  }, (error: unknown) => { inBackground(sendToParent({ fault: String(error) })) })
})

await app.ready()
const before = takeSample()
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4_096 })
await sendToParent({ port: (app.server.address() as AddressInfo).port, before })
