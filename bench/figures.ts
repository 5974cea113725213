import type { Measured, Outcome } from './bench.js'

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly rounds: readonly number[]
}

/** One line of the table: the figures of all peers, and the ratios of ours to them. */
export interface Line {
  readonly name: string
  readonly title: string
  /** Microseconds of CPU time, bytes of resident memory, a part from 0 to 1, or a factor. */
  readonly unit: 'µs' | 'bytes' | 'part' | 'times'
  readonly values: Record<string, Spread>
  /** Ours divided by theirs, round by round. */
  readonly ratios: Record<string, Spread>
  readonly notes: Record<string, string>
  /** In microseconds. */
  readonly p50: Record<string, Spread>
  readonly p99: Record<string, Spread>
}

const OURS = 'ours'

export function spread (rounds: readonly number[]): Spread {
  const sorted = rounds.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  const median = sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number, rounds }
}

export function linesOf (outcomes: readonly Outcome[]): Line[] {
  const lines: Line[] = []
  for (const outcome of outcomes) {
    const { row } = outcome
    lines.push({
      ...line(outcome, row.name, row.title, 'µs', ({ cost }) => cost),
      p50: spreads(outcome, ({ p50 }) => p50),
      p99: spreads(outcome, ({ p99 }) => p99)
    })
    if (row.deflate) {
      lines.push(line(outcome, 'deflate-ratio', '… compressed to', 'part', ({ ratio }) => ratio))
      lines.push(line(outcome, 'deflate-bytes', 'compressed connection, resident', 'bytes', ({ bytes }) => bytes))
    } else if (row.memory) {
      lines.push(line(
        outcome, 'idle-bytes', `idle connection, resident (of ${row.sockets.toLocaleString('en')})`, 'bytes',
        ({ bytes }) => bytes
      ))
    }
  }
  const few = lines.find(({ name }) => name === 'echo-64')
  const many = lines.find(({ name }) => name === 'crowd')
  if (few !== undefined && many !== undefined) lines.push(growth(few, many))
  return lines
}

function line (
  outcome: Outcome, name: string, title: string, unit: Line['unit'], figure: (measured: Measured) => number | undefined
): Line {
  const values = spreads(outcome, figure)
  const ours = values[OURS]
  const ratios: Record<string, Spread> = {}
  for (const [peer, theirs] of Object.entries(values)) {
    if (ours !== undefined && peer !== OURS) {
      ratios[peer] = spread(theirs.rounds.map((value, round) => (ours.rounds[round] as number) / value))
    }
  }
  return { name, title, unit, values, ratios, notes: Object.fromEntries(outcome.notes), p50: {}, p99: {} }
}

function spreads (outcome: Outcome, figure: (measured: Measured) => number | undefined): Record<string, Spread> {
  const values: Record<string, Spread> = {}
  for (const [peer, measured] of outcome.measured) {
    const rounds = measured.map(figure)
    if (rounds.every((value) => value !== undefined)) values[peer] = spread(rounds)
  }
  return values
}

/** The factor by which the cost of a message grows with the number of sockets. */
function growth (few: Line, many: Line): Line {
  const values: Record<string, Spread> = {}
  for (const [peer, { median }] of Object.entries(few.values)) {
    const crowd = many.values[peer]
    if (crowd !== undefined) values[peer] = spread(crowd.rounds.map((cost) => cost / median))
  }
  return {
    name: 'growth', title: '… ÷ echo 64 B, 64 sockets', unit: 'times', values, ratios: {}, notes: {}, p50: {}, p99: {}
  }
}
