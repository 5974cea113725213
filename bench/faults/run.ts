import { natsProgram, startNats } from '../../test/fixtures/nats-server.js'
import { redisProgram, startRedis } from '../../test/fixtures/redis-server.js'
import { runFault, type Cast } from './harness.js'

/** What becomes of messages when something breaks under load: npm run faults [-- --messages 10000] */
const at = process.argv.indexOf('--messages')
const messages = at === -1 ? 100_000 : Number(process.argv[at + 1])
const STEP = 300

const wait = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })
const killEngine = async ({ engine, more }: Cast): Promise<void> => {
  for (let i = 0; i < 5; i++) {
    await engine.kill()
    await engine.start()
    await more(STEP)
  }
}
const FAULTS: ReadonlyArray<readonly [name: string, persists: boolean, fault: (cast: Cast) => Promise<void>]> = [
  ['engine killed 5 times, with persistence', true, killEngine],
  ['engine killed 5 times, without', false, killEngine],
  ['20 dropped engine connections', false, async ({ proxy, more }) => {
    for (let i = 0; i < 20; i++) {
      proxy.dropAll()
      await more(STEP)
    }
  }],
  ['a server process killed', false, async ({ replace, more }) => {
    await replace(1)
    await more(STEP)
  }],
  ['engine frozen 10 s', false, async ({ engine, more }) => {
    engine.freeze()
    await wait(10_000)
    engine.thaw()
    await more(STEP)
  }],
  ['rolling restart of all processes', false, async ({ replace, more }) => {
    for (let i = 0; i < 3; i++) {
      await replace(i)
      await more(STEP)
    }
  }]
]

const columns = (cells: readonly unknown[]): string => cells.map((cell, i) => String(cell).padEnd(i === 0 ? 50 : 10)).join(' ')
console.log(columns(['', 'accepted', 'lost', 'doubled', 'disorder', 'gaps', 'missing']))
let isBad = false
for (const [kind, program] of [['redis', redisProgram], ['nats', natsProgram]] as const) {
  if (program === null) {
    console.log(`${kind}-server is not installed`)
    continue
  }
  for (const [name, persists, fault] of FAULTS) {
    const start = (): ReturnType<typeof startRedis> => kind === 'redis' ? startRedis({ persists }) : startNats({ persists })
    const result = await runFault({ kind, start, messages, listeners: 10, fault })
    const { accepted, lost, doubled, outOfOrder, gaps, missing } = result
    console.log(columns([`${kind}: ${name}`, accepted, lost, doubled, outOfOrder, gaps, missing]))
    if (lost + doubled + outOfOrder > 0) isBad = true
  }
}
process.exit(isBad ? 1 : 0)
