// `npm run soak`: many connections for a long time, numbered messages both ways, and restarts of the server while they
// are under way. Each side counts what it sent and what came; a message that is lost, comes twice or out of order is a
// failure.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import WebSocket from 'ws'
import type { FromServer, ServerEnd, ServerSample } from './server.js'

const USAGE = `Usage: npm run soak -- [--connections N] [--minutes M] [--restarts N]

  --connections  10000 by default; each takes a file descriptor here and one in the server (ulimit -n)
  --minutes      10 by default; may be a fraction
  --restarts     how often the server is restarted meanwhile; 3 by default
`

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    minutes: { type: 'string', default: '10' },
    restarts: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false }
  }
})
const connections = Number(values.connections)
const duration = Number(values.minutes) * 60_000
const restarts = Number(values.restarts)
if (values.help || !(connections > 0) || !(duration > 0) || !(restarts >= 0)) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}

// Each connection sends one message a second.
const INTERVAL = 1_000
// So long a client waits before it connects again, at most.
const BACKOFF = 1_000
const SAMPLES = 40

interface ClientEnd { sent: number, received: number }

const faults: string[] = []
const clientEnds = new Map<string, ClientEnd>()
const serverEnds = new Map<string, ServerEnd>()
const open = new Set<WebSocket>()
let messages = 0
let port = 0
let isOver = false

interface Sample extends ServerSample { readonly time: number, readonly generation: number }
const samples: Sample[] = []
let generation = 0

const fail = (what: string): void => {
  faults.push(what)
  if (faults.length <= 20) console.log(what)
}

async function start (): Promise<ChildProcess> {
  const script = fileURLToPath(new URL(
    import.meta.url.endsWith('.ts') ? './server.ts' : './server.js', import.meta.url
  ))
  const child = fork(script, [String(port)], { execArgv: [...process.execArgv, '--expose-gc'] })
  generation++
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => { reject(new Error('the server ended')) })
    child.on('message', (message: FromServer) => {
      if ('port' in message) {
        port = message.port
        resolve()
      } else if ('ends' in message) {
        for (const end of message.ends) serverEnds.set(end.id, end)
      } else if ('fault' in message) {
        fail(message.fault)
      } else {
        samples.push({ ...message.sample, time: performance.now(), generation })
      }
    })
  })
  return child
}

let ids = 0

function connect (): void {
  if (isOver) return
  const id = String(ids++)
  const counts: ClientEnd = { sent: 0, received: 0 }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/soak?id=${id}`, { perMessageDeflate: false })
  let timer: NodeJS.Timeout | undefined
  socket.on('open', () => {
    open.add(socket)
    clientEnds.set(id, counts)
    timer = setInterval(() => {
      if (socket.readyState !== WebSocket.OPEN) return
      socket.send(String(++counts.sent))
      messages++
    }, INTERVAL * (0.8 + 0.4 * Math.random()))
  })
  socket.on('message', (data) => {
    const number = Number(String(data))
    if (number !== counts.received + 1) fail(`a client got ${number} behind ${counts.received} on ${id}`)
    counts.received = number
    messages++
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    clearInterval(timer)
    open.delete(socket)
    setTimeout(connect, BACKOFF * Math.random())
  })
}

async function stop (server: ChildProcess): Promise<void> {
  const gone = once(server, 'exit')
  server.send('stop')
  await gone
}

/** Least squares, per minute. */
function slope (values: ReadonlyArray<readonly [time: number, value: number]>): number {
  const n = values.length
  const mean = (pick: 0 | 1): number => values.reduce((sum, pair) => sum + pair[pick], 0) / n
  const [x, y] = [mean(0), mean(1)]
  const covariance = values.reduce((sum, [time, value]) => sum + (time - x) * (value - y), 0)
  const variance = values.reduce((sum, [time]) => sum + (time - x) ** 2, 0)
  return variance === 0 ? 0 : covariance / variance * 60_000
}

let server = await start()
for (let i = 0; i < connections; i++) {
  connect()
  // No faster than the server accepts.
  if (i % 200 === 199) await new Promise((resolve) => { setTimeout(resolve, 50) })
}
console.log(`${connections} connections for ${values.minutes} minutes, ${restarts} restarts`)
// One that is being stopped is not asked any more.
const sampling = setInterval(() => { if (server.connected) server.send('sample', () => {}) }, duration / SAMPLES)
for (let i = 0; i <= restarts; i++) {
  await new Promise((resolve) => { setTimeout(resolve, duration / (restarts + 1)) })
  if (i === restarts) break
  console.log(`restart ${i + 1}: ${open.size} connections, ${messages} messages so far`)
  await stop(server)
  server = await start()
}
clearInterval(sampling)
const last = open.size
isOver = true
await stop(server)

let lost = 0
for (const [id, { sent, received }] of clientEnds) {
  const end = serverEnds.get(id)
  if (end === undefined) fail(`the server does not know the connection ${id}`)
  else if (end.received !== sent || end.sent !== received) {
    lost += sent - end.received + end.sent - received
    fail(
      `${id}: ${sent} sent and ${end.received} received by the server, ${end.sent} sent by it and ${received} received (${end.code})`
    )
  }
}

// The servers in the middle of the restarts begin and end with connections that come and go: the steady part of each is
// looked at.
const steady = samples.filter(({ sockets, generation: of }) => sockets >= 0.99 * connections &&
  samples.filter((other) => other.generation === of).length > 3)
const groups = [
  ...new Set(steady.map((sample) => sample.generation))
].map((of) => steady.filter((sample) => sample.generation === of)).filter(({ length }) => length > 2)
const longest = groups.sort((a, b) => b.length - a.length)[0] ?? []
const line = (name: string, pick: (sample: Sample) => number, unit: string): void => {
  const values = longest.map((sample) => [sample.time, pick(sample)] as const)
  console.log(
    `${name.padEnd(9)} ${values.length === 0 ? 'not measured' : `${Math.round(values.at(-1)?.[1] ?? 0)} ${unit}, ${Math.round(slope(values))} a minute over ${values.length} samples`}`
  )
}
line('heap', ({ heap }) => heap, 'bytes')
line('buffers', ({ buffers }) => buffers, 'bytes')
line('resident', ({ resident }) => resident, 'bytes')
line('handles', ({ handles }) => handles, 'handles')
console.log(
  `${messages} messages on ${clientEnds.size} connections, ${last} of them open in the end; ${lost} lost, ${faults.length} failures`
)
process.exit(faults.length > 0 || messages === 0 ? 1 : 0)
