// `npm run soak`: many connections for a long time, numbered messages both ways, and restarts of the server while they
// are under way. Each side checks what it receives and counts what it sends. Failures are messages that are lost,
// doubled, out of order or damaged, connections that end or fail while no restart is under way, and handles that stay
// open after all connections have closed.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import WebSocket from 'ws'
import { moduleUrl } from '../place.js'
import type { FromServer, ServerEnd, ServerSample } from './server.js'
import { Sequence, lostOf, messageOf } from './sequence.js'

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
// The longest time after which a client connects again.
const BACKOFF = 1_000
const SAMPLES = 40
// How long the server may take to close all connections and exit, in milliseconds.
const STOP_TIMEOUT = 60_000
// How many more handles an idle server may have than before it listened, for example the listening socket.
const IDLE_HANDLES = 10

interface ClientEnd { sent: number, readonly received: Sequence }

const faults: string[] = []
const clientEnds = new Map<string, ClientEnd>()
const serverEnds = new Map<string, ServerEnd>()
const open = new Set<WebSocket>()
/** How often connections closed, by code. */
const closes = new Map<number, number>()
let messages = 0
let port = 0
let isOver = false
/** Whether a server accepts connections and is not being stopped. */
let isServing = false
let before: ServerSample | undefined
let sampled: (sample: ServerSample) => void = () => {}

interface Sample extends ServerSample { readonly time: number, readonly generation: number }
const samples: Sample[] = []
let generation = 0

const fail = (reason: string): void => {
  faults.push(reason)
  if (faults.length <= 20) console.log(reason)
}

async function start (): Promise<ChildProcess> {
  const child = fork(moduleUrl('soak/server'), [String(port)], { execArgv: [...process.execArgv, '--expose-gc'] })
  generation++
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code, signal) => {
      if (isServing) {
        console.log(`the server ended by itself: ${code ?? signal}`)
        process.exit(1)
      }
      reject(new Error('the server ended'))
    })
    child.on('message', (message: FromServer) => {
      if ('port' in message) {
        port = message.port
        before = message.before
        isServing = true
        resolve()
      } else if ('ends' in message) {
        for (const end of message.ends) serverEnds.set(end.id, end)
      } else if ('fault' in message) {
        fail(message.fault)
      } else {
        samples.push({ ...message.sample, time: performance.now(), generation })
        sampled(message.sample)
      }
    })
  })
  return child
}

let ids = 0

function connect (): void {
  if (isOver) return
  const id = String(ids++)
  const counts: ClientEnd = { sent: 0, received: new Sequence(Number(id)) }
  const wasServing = isServing
  const server = generation
  const socket = new WebSocket(`ws://127.0.0.1:${port}/soak?id=${id}`, { perMessageDeflate: false })
  let timer: NodeJS.Timeout | undefined
  socket.on('open', () => {
    open.add(socket)
    clientEnds.set(id, counts)
    timer = setInterval(() => {
      if (socket.readyState !== WebSocket.OPEN) return
      socket.send(messageOf(++counts.sent, Number(id)))
      messages++
    }, INTERVAL * (0.8 + 0.4 * Math.random()))
  })
  socket.on('message', (data) => {
    const fault = counts.received.receive(String(data))
    if (fault !== undefined) fail(`a client received ${fault} on ${id}`)
    messages++
  })
  let error: Error | undefined
  socket.on('error', (thrown) => { error = thrown })
  socket.on('close', (code) => {
    clearInterval(timer)
    const wasOpen = open.delete(socket)
    if (wasOpen) closes.set(code, (closes.get(code) ?? 0) + 1)
    if (isServing && server === generation && (wasOpen || wasServing) && !isOver) {
      fail(`${id} ${wasOpen ? `closed with ${code}` : 'did not open'} while no restart was under way: ${String(error)}`)
    }
    setTimeout(connect, BACKOFF * Math.random())
  })
}

async function stop (server: ChildProcess): Promise<void> {
  isServing = false
  const gone = once(server, 'exit')
  server.send('stop')
  const timer = setTimeout(() => {
    fail(`the server did not end within ${STOP_TIMEOUT / 1_000} s`)
    server.kill('SIGKILL')
  }, STOP_TIMEOUT)
  await gone
  clearTimeout(timer)
}

/** Resolves with a sample that is taken when all connections have closed. */
async function sampleIdle (server: ChildProcess): Promise<ServerSample> {
  for (const socket of open) socket.close(1000)
  for (let attempt = 0; ; attempt++) {
    const answer = new Promise<ServerSample>((resolve) => { sampled = resolve })
    server.send('sample')
    const sample = await answer
    if (open.size + sample.sockets === 0 || attempt === 100) return sample
    await delay(100)
  }
}

/** The slope of the values per minute, by least squares. */
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
  // Not faster than the server accepts.
  if (i % 200 === 199) await delay(50)
}
console.log(`${connections} connections for ${values.minutes} minutes, ${restarts} restarts`)
// A server that is being stopped gets no more requests.
const sampling = setInterval(() => { if (server.connected) server.send('sample', () => {}) }, duration / SAMPLES)
for (let i = 0; i <= restarts; i++) {
  await delay(duration / (restarts + 1))
  if (i === restarts) break
  console.log(`restart ${i + 1}: ${open.size} connections, ${messages} messages so far`)
  await stop(server)
  server = await start()
}
clearInterval(sampling)
const last = open.size
isOver = true
const idle = await sampleIdle(server)
if (idle.sockets > 0) fail(`${idle.sockets} connections did not close`)
if (idle.handles > before!.handles + IDLE_HANDLES) fail(`${idle.handles} handles stayed open, ${before!.handles} before`)
await stop(server)

const totals = { lost: 0, doubled: 0, reordered: 0, damaged: 0 }
for (const [id, { sent, received }] of clientEnds) {
  const end = serverEnds.get(id)
  if (end === undefined) {
    fail(`the server does not know the connection ${id}`)
    continue
  }
  for (const [tally, count, way] of [
    [end.received, sent, 'to the server'], [received.tally, end.sent, 'to the client']
  ] as const) {
    const lost = lostOf(tally, count)
    if (lost > 0) fail(`${id}: ${lost} of ${count} messages ${way} were lost (${end.code})`)
    if (tally.highest > count) fail(`${id}: message ${tally.highest} came ${way}, but ${count} were sent`)
    totals.lost += lost
    totals.doubled += tally.doubled
    totals.reordered += tally.reordered
    totals.damaged += tally.damaged
  }
}

// Around a restart, connections come and go. Only the samples with all connections open count.
const steady = samples.filter(({ sockets, generation: of }) => sockets >= 0.99 * connections &&
  samples.filter((other) => other.generation === of).length > 3)
const groups = [
  ...new Set(steady.map((sample) => sample.generation))
].map((of) => steady.filter((sample) => sample.generation === of)).filter(({ length }) => length > 2)
const whole = groups.sort((a, b) => b.length - a.length)[0] ?? []
// During the first third, code is compiled and pools grow.
const longest = whole.slice(Math.floor(whole.length / 3))
const seconds = Math.round(((longest.at(-1)?.time ?? 0) - (longest[0]?.time ?? 0)) / 1_000)
const line = (name: string, pick: (sample: Sample) => number, unit: string): void => {
  const values = longest.map((sample) => [sample.time, pick(sample)] as const)
  const last = Math.round(values.at(-1)?.[1] ?? 0)
  const measured = `${last} ${unit}, ${Math.round(slope(values))} a minute over ${values.length} samples in ${seconds} s`
  console.log(`${name.padEnd(9)} ${values.length < 3 ? 'not measured: the run was too short' : measured}`)
}
line('heap', ({ heap }) => heap, 'bytes')
line('buffers', ({ buffers }) => buffers, 'bytes')
line('resident', ({ resident }) => resident, 'bytes')
line('handles', ({ handles }) => handles, 'handles')
console.log(
  `idle      ${idle.handles} handles and ${idle.heap} bytes of heap after all connections of the last server closed, ` +
  `${before!.handles} and ${before!.heap} before the first`
)
console.log(`closes    ${Array.from(closes, ([code, count]) => `${count} with ${code}`).join(', ')}`)
console.log(
  `messages  ${messages} on ${clientEnds.size} connections, ${last} of them open in the end: ${totals.lost} lost, ` +
  `${totals.doubled} doubled, ${totals.reordered} out of order, ${totals.damaged} damaged`
)
console.log(`${faults.length} failures`)
process.exit(faults.length > 0 || messages === 0 ? 1 : 0)
