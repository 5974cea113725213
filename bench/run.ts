import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildAgainst } from './against.js'
import { runBench } from './bench.js'
import { drawChart } from './chart.js'
import { linesOf } from './figures.js'
import { nativePeer, OURS, pickPeers, type Peer } from './peers.js'
import { ROOT } from './place.js'
import { report, toJson } from './report.js'
import { allRows, pickRows } from './rows.js'

const HELP = `npm run bench -- [options]

  --long               more rounds and longer windows
  --rows a,b           only the rows whose names begin with one of these
  --peers a,b          only these: ours, ws, @fastify/websocket, net
  --against REF        compares with another commit
  --native COMMAND     also measures another server, which echoes on /echo; {port} in the command, or PORT, is its port
  --native-rows a,b    the rows of that server (default: echo,handshake,crowd)
  --rounds N           how often each peer is measured (default: 3; long: 9)
  --window MS          how long each measurement takes (default: 300; long: 1500)
  --no-pin             does not pin server and load to a core each
  --json FILE          writes the figures to this file (default: bench/results/latest.json)
  --svg FILE           draws a chart
`

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    rows: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    against: { type: 'string' },
    native: { type: 'string' },
    'native-rows': { type: 'string', default: 'echo,handshake,crowd' },
    rounds: { type: 'string' },
    window: { type: 'string' },
    'no-pin': { type: 'boolean', default: false },
    json: { type: 'string', default: join(ROOT, 'bench/results/latest.json') },
    svg: { type: 'string' }
  }
})

const list = (text: string): string[] => text.split(',').filter((name) => name !== '')

function wholeNumber (name: string, text: string | undefined, byDefault: number): number {
  const value = Number(text ?? byDefault)
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is a whole number over 0, not "${text}"`)
  return value
}

function choosePeers (): Peer[] {
  const names = list(options.peers)
  const peers = options.against !== undefined && names.length === 0 ? [OURS] : pickPeers(names)
  if (options.against !== undefined) peers.splice(1, 0, buildAgainst(options.against))
  if (options.native !== undefined) peers.push(nativePeer(options.native, list(options['native-rows'])))
  return peers
}

function write (file: string, text: string): void {
  mkdirSync(dirname(resolve(file)), { recursive: true })
  writeFileSync(file, text)
  console.log(`written to ${file}`)
}

async function main (): Promise<void> {
  const rounds = wholeNumber('rounds', options.rounds, options.long ? 9 : 3)
  const window = wholeNumber('window', options.window, options.long ? 1500 : 300)
  const rows = pickRows(allRows(console.log), list(options.rows))
  const outcomes = await runBench({ rows, peers: choosePeers(), rounds, window, pin: !options['no-pin'] }, console.log)
  const lines = linesOf(outcomes)
  console.log(`\n${report(lines)}\n`)
  write(options.json, toJson(lines, { rounds, window }))
  if (options.svg !== undefined) write(options.svg, drawChart(lines, 'What a message costs the server'))
  if (lines.some(({ notes }) => Object.values(notes).some((note) => note.startsWith('failed')))) process.exitCode = 1
}

// A signal runs the 'exit' listeners, which remove work trees and stop servers.
process.once('SIGINT', () => { process.exit(130) })
process.once('SIGTERM', () => { process.exit(143) })

if (options.help) {
  console.log(HELP)
} else {
  await main().catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
