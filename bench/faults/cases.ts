import { setTimeout as delay } from 'node:timers/promises'
import type { FaultControls } from './harness.js'

export interface Case {
  readonly name: string
  /** Whether the engine's server keeps its data when it is killed. */
  readonly persists: boolean
  /** Whether accepted messages may be lost, as long as clients are notified of each gap. */
  readonly losesData: boolean
  readonly fault: (controls: FaultControls) => Promise<void>
}

// In milliseconds.
const FREEZE_TIME = 10_000

/** Calls a function `times` times, evenly spread over the load. */
async function spread (
  times: number, { reached }: FaultControls, act: (i: number) => Promise<void> | void
): Promise<void> {
  for (let i = 0; i < times; i++) {
    await reached((i + 1) / (times + 2))
    await act(i)
  }
}

const killEngine = (controls: FaultControls): Promise<void> => spread(5, controls, async () => {
  await controls.engine.kill()
  await controls.engine.start()
})

/** Replaces the data of the engine's server by a copy from earlier. */
async function restoreSnapshot ({ engine, reached }: FaultControls): Promise<void> {
  await reached(0.2)
  const restore = await engine.backUp()
  await reached(0.6)
  await restore()
}

export const CASES: readonly Case[] = [
  { name: 'engine killed 5 times, with persistence', persists: true, losesData: false, fault: killEngine },
  { name: 'engine killed 5 times, without', persists: false, losesData: true, fault: killEngine },
  {
    name: '20 dropped engine connections',
    persists: false,
    losesData: false,
    fault: (controls) => spread(20, controls, () => { controls.proxy.dropAll() })
  },
  {
    name: 'a server process killed',
    persists: false,
    losesData: false,
    fault: async ({ reached, killServer }) => {
      await reached(0.4)
      await killServer(1)
    }
  },
  {
    name: 'engine frozen 10 s',
    persists: false,
    losesData: false,
    fault: async ({ engine, reached }) => {
      await reached(0.4)
      engine.freeze()
      await delay(FREEZE_TIME)
      engine.thaw()
    }
  },
  {
    name: 'a stalled client',
    persists: false,
    losesData: false,
    fault: async ({ clients, reached }) => {
      await reached(0.1)
      clients[0]!.stall()
      await reached(0.8)
      clients[0]!.resume()
    }
  },
  { name: 'an old snapshot restored', persists: true, losesData: true, fault: restoreSnapshot },
  {
    name: 'rolling restart of all processes',
    persists: false,
    losesData: false,
    fault: (controls) => spread(3, controls, (i) => controls.restartServer(i))
  }
]
