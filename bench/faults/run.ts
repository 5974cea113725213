import { parseArgs } from 'node:util'
import { natsProgram, startNats } from '../../test/fixtures/nats-server.js'
import { redisProgram, startRedis } from '../../test/fixtures/redis-server.js'
import { CASES, type Case } from './cases.js'
import { runFault, type FaultResult } from './harness.js'

/**
 * Counts lost, doubled and reordered messages when something breaks under load:
 *
 *   npm run faults [-- --messages 100000 --clients 30 --engine redis --only frozen]
 */
const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    clients: { type: 'string', default: '30' },
    engine: { type: 'string', default: 'redis,nats' },
    only: { type: 'string', default: '' }
  }
})

const COLUMNS = [
  ['accepted', 9], ['lost', 6], ['doubled', 8], ['reordered', 10], ['lost in gaps', 13],
  ['gaps seen/real', 15], ['rejected', 9], ['stall', 8]
] as const

const print = (name: string, cells: readonly unknown[]): void => {
  console.log(`${name.padEnd(48)}${cells.map((cell, i) => String(cell).padStart(COLUMNS[i]![1])).join('')}`)
}

function isBad ({ losesData }: Case, { lost, doubled, outOfOrder, missing }: FaultResult): boolean {
  return lost + doubled + outOfOrder > 0 || (!losesData && missing > 0)
}

print('', COLUMNS.map(([name]) => name))
let failures = 0
for (const kind of ['redis', 'nats'] as const) {
  if (!values.engine.includes(kind)) continue
  if ((kind === 'redis' ? redisProgram : natsProgram) === null) {
    console.log(`${kind}-server is not installed: apt-get install ${kind}-server`)
    continue
  }
  for (const each of CASES.filter(({ name }) => name.includes(values.only))) {
    const { persists, fault } = each
    const name = `${kind}: ${each.name}`
    try {
      const result = await runFault({
        kind,
        start: () => kind === 'redis' ? startRedis({ persists }) : startNats({ persists }),
        messages: Number(values.messages),
        clients: Number(values.clients),
        fault
      })
      const { accepted, lost, doubled, outOfOrder, missing, gapsSeen, gapsReal, rejected, longestStall } = result
      const stall = `${(longestStall / 1000).toFixed(1)} s`
      print(name, [accepted, lost, doubled, outOfOrder, missing, `${gapsSeen}/${gapsReal}`, rejected, stall])
      if (isBad(each, result)) failures++
    } catch (error) {
      console.log(`${name.padEnd(48)} ${(error as Error).message}`)
      failures++
    }
  }
}
process.exit(failures > 0 ? 1 : 0)
