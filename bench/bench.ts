import { chooseCores } from './cpu.js'
import type { Sample } from './generator/meter.js'
import { Pair, type Cores } from './pair.js'
import type { Peer } from './peers.js'
import type { Row } from './rows.js'

export interface Plan {
  readonly rows: readonly Row[]
  readonly peers: readonly Peer[]
  readonly rounds: number
  /** Of one peer in one round, in milliseconds. */
  readonly window: number
  /** Whether server and load are each held on a core of their own, where that can be done. */
  readonly pin: boolean
}

/** What one peer did in one round. */
export interface Measured extends Sample {
  readonly bytes: number | undefined
  readonly ratio: number | undefined
}

/** What came of a row: for each peer a measure of each round, or the reason why there is none. */
export interface Outcome {
  readonly row: Row
  readonly measured: Map<string, Measured[]>
  readonly notes: Map<string, string>
}

// A server that was warm when it was left, in milliseconds.
const WARM = 50
// One message of each of so many sockets takes a tenth of a second and more: a window has to hold several.
const HEAVY = 4

/**
 * Gives every row to every peer, in turn: A, B, C, A, B, C … so that whatever else the machine does falls on all.
 * @param print is told of each row
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

/** The servers of a row stand side by side, and one of them works at a time. */
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

/** Each round of each peer has a server of its own. */
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
  // A window is short only where someone wants it to be over at once.
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
