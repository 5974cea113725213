import t from 'tap'
import { runFault, type FaultControls } from '../../bench/faults/harness.js'
import { GAP, judge, PER_PUBLISHER, type Verdict } from '../../bench/faults/verdict.js'
import { natsProgram, startNats } from '../fixtures/nats-server.js'
import { writeBundle } from '../fixtures/processes.js'
import { redisProgram, startRedis } from '../fixtures/redis-server.js'

// The short form of `npm run faults`.

/** Each fault in turn, during one load. */
async function breakEverything ({ engine, proxy, clients, reached }: FaultControls): Promise<void> {
  await reached(0.1)
  clients[0]!.stall()
  await engine.kill()
  await engine.start()
  await reached(0.3)
  proxy.dropAll()
  await reached(0.5)
  clients[0]!.resume()
  engine.freeze()
  proxy.dropAll()
  engine.thaw()
}

// Starting a process takes a second. A killed process is the same to both engines, so only one of them tests it.
const FAULTS = {
  redis: async (controls: FaultControls): Promise<void> => {
    await breakEverything(controls)
    await controls.reached(0.8)
    await controls.killServer(1)
  },
  nats: breakEverything
}

for (const [kind, program] of [['redis', redisProgram], ['nats', natsProgram]] as const) {
  const isSkipped = program === null && process.env.CI !== 'true'
  const skip = isSkipped && `${kind}-server is not installed: apt-get install ${kind}-server`
  t.test(`processes over ${kind} lose, duplicate and reorder no messages, whatever breaks`, { skip }, async (t) => {
    const result = await runFault({
      kind,
      start: () => kind === 'redis' ? startRedis({ persists: true }) : startNats({ persists: true }),
      messages: 400,
      clients: 4,
      processes: 2,
      script: await writeBundle(t.testdir(), 'bench/faults/server.ts'),
      fault: FAULTS[kind]
    })
    const { accepted, lost, missing, doubled, outOfOrder, gapsSeen, rejected } = result
    t.match({ lost, missing, doubled, outOfOrder, gapsSeen, rejected }, {
      lost: 0, missing: 0, doubled: 0, outOfOrder: 0, gapsSeen: 0, rejected: 0
    })
    // The killed process has not reported its last messages.
    t.ok(accepted > 200, `${accepted} accepted`)
  })
}

const NOTHING: Omit<Verdict, 'accepted'> = { lost: 0, missing: 0, doubled: 0, outOfOrder: 0, gapsSeen: 0, gapsReal: 0 }
const second = (n: number): number => PER_PUBLISHER + n

t.test('the verdict counts errors per client', async (t) => {
  const all = [0, 1, 2, second(0), second(1)]
  const cases: Array<[lists: number[][], found: Partial<Verdict>, why: string]> = [
    [[all, all], {}, 'all clients have all messages'],
    [[[0, second(0), 1, second(1), 2]], {}, 'publishers may be mixed'],
    [[all, [0, 2, second(0), second(1)]], { lost: 1 }, 'one message is lost'],
    [[[0, 1, 2]], { lost: 2 }, 'all messages of a publisher are lost'],
    [[[0, 1, second(0), second(1)]], { lost: 1 }, 'the last message is lost'],
    [[[0, GAP, 2, second(0), second(1)]], { missing: 1, gapsSeen: 1, gapsReal: 1 }, 'a message is missing at a gap'],
    [[[GAP, 0, 2, second(0), second(1)]], { lost: 1, gapsSeen: 1 }, 'a message is missing elsewhere than at the gap'],
    [[[0, 1, 1, 2, second(0), second(1)]], { doubled: 1 }, 'a message came twice'],
    [[[0, 2, 1, second(0), second(1)]], { outOfOrder: 1 }, 'messages of a publisher change places'],
    [[all, [0, second(0), 1, 2, second(1)]], { outOfOrder: 1 }, 'clients see different orders'],
    [[all, [0, second(0), GAP, 1, 2, second(1)]], { gapsSeen: 1 }, 'the order may change behind a gap']
  ]
  for (const [lists, found, why] of cases) {
    t.strictSame(judge(all, lists), { accepted: all.length, ...NOTHING, ...found }, why)
  }
})
