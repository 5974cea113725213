import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { io } from 'socket.io-client'
import WebSocket from 'ws'
import { cpuTime } from '../cpu.js'
import { moduleUrl } from '../place.js'

export type Kind = 'wire' | 'streams' | 'plain'

export interface Load {
  readonly count: number
  /** Messages per second. */
  readonly rate: number
  readonly subscribers: number
}

export interface Measured {
  /** CPU time per message of the publishing process, and on average of the others, in microseconds. */
  readonly publishing: number
  readonly receiving: number
  /** Latencies from the call that publishes to the client, in milliseconds. */
  readonly p50: number
  readonly p99: number
  /** How many messages did not arrive within the timeout. */
  readonly missing: number
}

const PROCESSES = 3
/** How many messages are published before the measured ones. */
export const WARM_UP = 2_000
// How long missing messages are awaited, in milliseconds.
const DELIVERY_TIMEOUT = 20_000

/** Runs three processes over Redis, each with a third of the subscribers. The first process publishes. */
export async function measureProcesses (
  kind: Kind, url: string, { count, rate, subscribers }: Load
): Promise<Measured> {
  const servers: ChildProcess[] = []
  const clients: Array<{ close (): unknown }> = []
  try {
    const ports = await Promise.all(Array.from({ length: PROCESSES }, async () => {
      const server = fork(moduleUrl('topics/server'), [kind, url])
      servers.push(server)
      const [{ port }] = await once(server, 'message') as [{ port: number }]
      return port
    }))
    let latencies: number[] = []
    let wake: () => void = () => {}
    const receive = (text: string): void => {
      latencies.push(performance.timeOrigin + performance.now() - Number(text.slice(6, text.indexOf(','))))
      wake()
    }
    await Promise.all(Array.from({ length: subscribers }, async (_, i) => {
      clients.push(await connect(kind, ports[i % PROCESSES] as number, receive))
    }))
    // The processes subscribe a moment after the sockets open.
    await delay(500)
    const run = async (messages: number): Promise<void> => {
      latencies = []
      servers[0]!.send({ count: messages, rate })
      const end = performance.now() + 1000 * messages / rate + DELIVERY_TIMEOUT
      while (latencies.length < messages * subscribers && performance.now() < end) {
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, 100)
        })
      }
    }
    await run(WARM_UP)
    const missed = WARM_UP * subscribers - latencies.length
    if (missed > 0) console.error(`${kind}: ${missed} messages were missing when the measurement began`)
    const before = servers.map(({ pid }) => cpuTime(pid as number))
    await run(count)
    const [publishing, ...receiving] = servers.map(({ pid }, i) =>
      (cpuTime(pid as number) - (before[i] as number)) / count)
    latencies.sort((a, b) => a - b)
    return {
      publishing: publishing as number,
      receiving: receiving.reduce((a, b) => a + b, 0) / receiving.length,
      p50: latencies[Math.floor(latencies.length * 0.5)] ?? NaN,
      p99: latencies[Math.floor(latencies.length * 0.99)] ?? NaN,
      missing: count * subscribers - latencies.length
    }
  } finally {
    for (const client of clients) client.close()
    await Promise.all(servers.map(async (server) => {
      const gone = once(server, 'exit')
      server.disconnect()
      await gone
    }))
  }
}

async function connect (kind: Kind, port: number, receive: (text: string) => void): Promise<{ close (): unknown }> {
  if (kind === 'wire') {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/rooms/7`)
    socket.on('message', (data) => { receive(String(data)) })
    await once(socket, 'open')
    socket.on('close', (code) => { console.error(`${kind}: a socket closed with ${code}`) })
    return { close: () => { socket.removeAllListeners('close').close() } }
  }
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true })
  socket.on('message', receive)
  await new Promise<void>((resolve) => { socket.on('connect', resolve) })
  return socket
}
