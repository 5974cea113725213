import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { answerQuestions } from '../child.js'

type Entry = typeof import('../../index.js')

/** The longest block of the event loop, in milliseconds of wall-clock time and of CPU time of this process. */
export interface Stall {
  readonly wall: number
  readonly cpu: number
}

let longest = { wall: 0, cpu: 0 }
let isWatching = false
let messages = 0

function watch (): void {
  let wall = performance.now()
  let cpu = process.cpuUsage()
  const look = (): void => {
    const used = process.cpuUsage(cpu)
    const now = performance.now()
    longest = {
      wall: Math.max(longest.wall, now - wall), cpu: Math.max(longest.cpu, (used.user + used.system) / 1_000)
    }
    wall = now
    cpu = process.cpuUsage()
    if (isWatching) setImmediate(look)
  }
  longest = { wall: 0, cpu: 0 }
  isWatching = true
  setImmediate(look)
}

const { entry } = JSON.parse(process.argv[2] as string) as { entry: string }

async function listen (): Promise<number> {
  const { fastifyWire } = await import(entry) as Entry
  const app = Fastify() as unknown as FastifyInstance
  await app.register(fastifyWire, { perMessageDeflate: true })
  app.ws('/echo', (socket) => {
    socket.on('message', (data, isBinary) => {
      messages++
      socket.send(data, { binary: isBinary })
    })
  })
  app.ws('/count', (socket) => { socket.on('message', () => { messages++ }) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

const port = listen()
answerQuestions({
  port: async () => await port,
  begin: () => {
    messages = 0
    watch()
  },
  end: () => {
    isWatching = false
    return longest
  },
  messages: () => messages
})
