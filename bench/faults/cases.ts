import type { Cast } from './harness.js'

export interface Case {
  readonly name: string
  /** Whether the engine's server keeps its data when it is killed. */
  readonly persists: boolean
  /** Whether what was accepted may be gone, as long as each gap is told. */
  readonly losesData: boolean
  readonly fault: (cast: Cast) => Promise<void>
}

const FROZEN = 10_000

const wait = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

/** Calls so many times, at even distances within the load. */
async function spread (times: number, { reached }: Cast, act: (i: number) => Promise<void> | void): Promise<void> {
  for (let i = 0; i < times; i++) {
    await reached((i + 1) / (times + 2))
    await act(i)
  }
}

const killEngine = (cast: Cast): Promise<void> => spread(5, cast, async () => {
  await cast.engine.kill()
  await cast.engine.start()
})

/** The data of the engine's server is replaced by a copy from earlier. */
async function restoreSnapshot ({ engine, reached }: Cast): Promise<void> {
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
    fault: (cast) => spread(20, cast, () => { cast.proxy.dropAll() })
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
      await wait(FROZEN)
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
      clients[0]!.goOn()
    }
  },
  { name: 'an old snapshot restored', persists: true, losesData: true, fault: restoreSnapshot },
  {
    name: 'rolling restart of all processes',
    persists: false,
    losesData: false,
    fault: (cast) => spread(3, cast, (i) => cast.restartServer(i))
  }
]
