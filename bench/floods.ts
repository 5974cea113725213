// What peers that flood the server cost other peers: how long the event loop is blocked, and how long fifty polite
// peers wait for their echoes meanwhile.
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { deflateRawSync, constants } from 'node:zlib'
import { buildAgainst } from './against.js'
import { Child } from './child.js'
import { chooseCores } from './cpu.js'
import { Connection, handshakeRequest, type Target } from './generator/connection.js'
import { BINARY, clientFrame, COMPRESSED } from './generator/frames.js'
import { noise } from './payload.js'
import { OURS, type Peer } from './peers.js'
import type { Stall } from './servers/floods.js'

const HELP = `npm run bench:floods -- [options]

  --floods a,b     only the floods whose names begin with one of these
  --against REF    also measures another commit
  --window MS      how long each flood is measured at most (default: 3000)
`

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    floods: { type: 'string', default: '' },
    against: { type: 'string' },
    window: { type: 'string', default: '3000' }
  }
})

interface Flood {
  readonly name: string
  readonly path: '/count' | '/echo'
  /** The bytes that are repeated, usually one message. */
  readonly bytes: Buffer
  /** How many connections send the flood. */
  readonly clients: number
  readonly isHixie?: boolean
}

// Per flooding connection.
const FLOOD_SIZE = 4 * 1_048_576
const POLITE_PEERS = 50
// Between an echo and the next message of a polite peer, in milliseconds.
const PAUSE = 20

const block = deflateRawSync(Buffer.alloc(262_144), { finishFlush: constants.Z_SYNC_FLUSH })
const bomb = clientFrame(BINARY | COMPRESSED, block.subarray(0, -4))
const emptyCompressed = clientFrame(BINARY | COMPRESSED, Buffer.from([0]))
const small = clientFrame(BINARY, noise(64))
const empty = clientFrame(BINARY, Buffer.alloc(0))
const ping = clientFrame(0x89, Buffer.alloc(0))
const hixie = Buffer.from([0x00, 0xff])

const ALL: readonly Flood[] = [
  { name: 'no flood', path: '/count', bytes: ping, clients: 0 },
  { name: `bombs: ${bomb.length} B that inflate to 256 KiB`, path: '/count', bytes: bomb, clients: 1 },
  { name: 'empty compressed messages', path: '/count', bytes: emptyCompressed, clients: 1 },
  { name: 'twenty clients with bombs', path: '/count', bytes: bomb, clients: 20 },
  { name: 'twenty clients with empty compressed messages', path: '/count', bytes: emptyCompressed, clients: 20 },
  { name: '64 B', path: '/count', bytes: small, clients: 1 },
  { name: '64 B, echoed', path: '/echo', bytes: small, clients: 1 },
  { name: 'twenty clients with 64 B, echoed', path: '/echo', bytes: small, clients: 20 },
  { name: 'empty frames', path: '/count', bytes: empty, clients: 1 },
  { name: 'empty frames, echoed', path: '/echo', bytes: empty, clients: 1 },
  { name: 'pings', path: '/count', bytes: ping, clients: 1 },
  { name: 'empty hixie frames', path: '/count', bytes: hixie, clients: 1, isHixie: true }
]

const hixieRequest = (port: number): Buffer => Buffer.from(
  'GET /count HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n' +
  `Host: 127.0.0.1:${port}\r\nOrigin: http://127.0.0.1:${port}\r\n\r\n`)

interface Result extends Stall {
  readonly p99: number
  readonly messages: number
}

async function measure (flood: Flood, peer: Peer, window: number): Promise<Result> {
  const cores = chooseCores()
  const entry = (peer.server as { entry: string }).entry
  const server = new Child('servers/floods', [], { entry }, cores?.server)
  const all: Connection[] = []
  try {
    const port = await server.ask<number>('port')
    const target = (path: string, extensions: string): Target => ({ port, path, tls: false, extensions })
    const open = async (target: Target, request = handshakeRequest(target)): Promise<Connection> => {
      const connection = await Connection.open(target, request)
      connection.onFailure(() => {})
      connection.onBytes = () => {}
      all.push(connection)
      return connection
    }
    const polite: Connection[] = []
    for (let i = 0; i < POLITE_PEERS; i++) polite.push(await open(target('/echo', '')))
    const flooding: Connection[] = []
    for (let i = 0; i < flood.clients; i++) {
      const to = target(flood.path, 'permessage-deflate; client_no_context_takeover; server_no_context_takeover')
      flooding.push(await open(to, flood.isHixie === true ? hixieRequest(port) : handshakeRequest(to)))
    }
    const latency = createHistogram()
    let isOver = false
    for (const connection of polite) converse(connection, latency, () => isOver)
    // Time to warm up both processes.
    await delay(300)
    latency.reset()
    await server.ask('begin')
    const count = Math.floor(FLOOD_SIZE / flood.bytes.length)
    const bytes = Buffer.alloc(count * flood.bytes.length, flood.bytes)
    for (const connection of flooding) connection.socket.write(bytes)
    const end = performance.now() + window
    const total = flood.bytes === ping ? Infinity : count * flood.clients
    let messages = 0
    // Poll: a server whose event loop is blocked answers later.
    while (performance.now() < end && messages < total) {
      await delay(50)
      messages = await server.ask<number>('messages')
    }
    const stall = await server.ask<Stall>('end')
    isOver = true
    return { ...stall, p99: latency.percentile(99) / 1_000, messages }
  } finally {
    for (const connection of all) connection.close()
    await server.stop()
  }
}

/** Sends a message after each echo, until it is over. */
function converse (connection: Connection, latency: ReturnType<typeof createHistogram>, isOver: () => boolean): void {
  let since = 0
  const send = (): void => {
    since = performance.now()
    connection.socket.write(small)
  }
  connection.onBytes = () => {
    latency.record(Math.max(1, Math.round(1_000 * (performance.now() - since))))
    if (!isOver()) setTimeout(send, PAUSE)
  }
  setTimeout(send, Math.random() * PAUSE)
}

async function main (): Promise<void> {
  const names = options.floods.split(',')
  const floods = ALL.filter(({ name }) => names.some((begin) => name.startsWith(begin)))
  const peers = options.against === undefined ? [OURS] : [OURS, buildAgainst(options.against)]
  console.log('flood | peer | loop blocked, ms | of which CPU, ms | p99 of polite peers, ms | messages handled')
  for (const flood of floods) {
    for (const peer of peers) {
      const { wall, cpu, p99, messages } = await measure(flood, peer, Number(options.window))
      console.log([flood.name, peer.name, wall.toFixed(1), cpu.toFixed(1), p99.toFixed(1), messages].join(' | '))
    }
  }
}

if (options.help) console.log(HELP)
else await main()
