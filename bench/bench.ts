import { chooseCores } from './cpu.js'
import type { Sample } from './generator/meter.js'
import { Pair, type Cores } from './pair.js'
import type { Peer } from './peers.js'
import type { Row } from './rows.js'

export interface Plan {
  readonly rows: readonly Row[]
  readonly peers: readonly Peer[]
  readonly rounds: number
  /** How long a peer is measured in a round, in milliseconds. */
  readonly window: number
  /** Whether server and load are each pinned to a core of their own, if the machine allows it. */
  readonly pin: boolean
}

/** The measurement of one peer in one round. */
export interface Measured extends Sample {
  readonly bytes: number | undefined
  readonly ratio: number | undefined
}

/** The result of a row: for each peer the measurements of all rounds, or a note why there are none. */
export interface Outcome {
  readonly row: Row
  readonly measured: Map<string, Measured[]>
  readonly notes: Map<string, string>
}

// The warm-up of a server that was measured before, in milliseconds.
const WARM = 50
// One message on each of 10,000 sockets takes over a tenth of a second, and a window has to hold several of them.
const HEAVY = 4

/**
 * Measures all peers in turn for each row (A, B, C, A, B, C, …), so that other load of the machine affects all of them.
 * @param print called with a line for each finished row
 */
export async function runBench (plan: Plan, print: (line: string) => void): Promise<Outcome[]> {
  const cores = plan.pin ? chooseCores() : undefined
  const outcomes: Outcome[] = []
  for (const row of plan.rows) {
    const began = performance.now()
    const outcome: Outcome = { row, measured: new Map(), notes: new Map() }
    const peers = plan.peers.filter((peer) => peer.takes(row))
    if (row.memory) await measureFresh(outcome, peers, plan, cores)
    else await measureHeld(outcome, peers, plan, cores)
    outcomes.push(outcome)
    print(`${row.title}: ${((performance.now() - began) / 1000).toFixed(1)} s`)
  }
  return outcomes
}

/** Keeps the servers of all peers running, and measures one at a time. */
async function measureHeld (
  outcome: Outcome, peers: readonly Peer[], plan: Plan, cores: Cores | undefined
): Promise<void> {
  const pairs = new Map<Peer, Pair>()
  try {
    await Promise.all(peers.map(async (peer) => {
      await attempt(outcome, peer, async () => { pairs.set(peer, await Pair.start(peer, outcome.row, cores)) })
    }))
    for (let round = 0; round < plan.rounds; round++) {
      for (const peer of peers) {
        const pair = pairs.get(peer)
        if (pair === undefined || outcome.notes.has(peer.name)) continue
        await attempt(outcome, peer, async () => { await measureOnce(outcome, peer, pair, plan, round === 0) })
      }
    }
  } finally {
    await Promise.all(Array.from(pairs.values(), (pair) => pair.stop()))
  }
}

/** Starts a new server for each round of each peer. */
async function measureFresh (
  outcome: Outcome, peers: readonly Peer[], plan: Plan, cores: Cores | undefined
): Promise<void> {
  const rounds = outcome.row.heavy ? Math.ceil(plan.rounds / 3) : plan.rounds
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      if (outcome.notes.has(peer.name)) continue
      await attempt(outcome, peer, async () => {
        const pair = await Pair.start(peer, outcome.row, cores)
        try {
          await measureOnce(outcome, peer, pair, plan, true)
        } finally {
          await pair.stop()
        }
      })
    }
  }
}

async function measureOnce (
  { row, measured, notes }: Outcome, { name }: Peer, pair: Pair, plan: Plan, isFirst: boolean
): Promise<void> {
  const { note, ratio } = pair.facts
  if (note !== undefined) {
    notes.set(name, note)
    return
  }
  // A short window asks for a quick run, so its warm-up is short, too.
  const warm = isFirst ? Math.min(row.warm, 3 * plan.window) : WARM
  const sample = await pair.measure({ warm, window: row.heavy ? HEAVY * plan.window : plan.window })
  const list = measured.get(name) ?? []
  list.push({ ...sample, bytes: pair.bytes, ratio })
  measured.set(name, list)
}

async function attempt ({ notes, measured }: Outcome, { name }: Peer, measure: () => Promise<void>): Promise<void> {
  try {
    await measure()
  } catch (error) {
    notes.set(name, `failed: ${(error as Error).message}`)
    measured.delete(name)
  }
}
