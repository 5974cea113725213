/** A message of the harness is a number: the number of its publisher times this, plus its index at that publisher. */
export const PER_PUBLISHER = 10_000_000

/** Marks a 'gap' event among the messages of a client. */
export const GAP = -1

export interface Verdict {
  /** Messages whose publish() resolved. */
  readonly accepted: number
  /** Accepted messages that a client did not receive, without a 'gap' event where they are missing. */
  readonly lost: number
  /** Accepted messages that a client did not receive, with a 'gap' event. */
  readonly missing: number
  readonly doubled: number
  readonly outOfOrder: number
  /** The 'gap' events of all clients. */
  readonly gapsSeen: number
  /** The 'gap' events at which accepted messages are missing. */
  readonly gapsReal: number
}

/** Compares the accepted messages with the list of each client, which is in the order of receipt. */
export function judge (accepted: readonly number[], clients: ReadonlyArray<readonly number[]>): Verdict {
  const sorted = accepted.slice().sort((a, b) => a - b)
  const reference = placesIn(clients.reduce((longest, list) => list.length > longest.length ? list : longest, []))
  let [lost, missing, doubled, outOfOrder, gapsSeen, gapsReal] = [0, 0, 0, 0, 0, 0]
  for (const list of clients) {
    const own = placesIn(list)
    const losses = lossesOf(sorted, list, own)
    lost += losses.lost
    missing += losses.missing
    gapsReal += losses.gaps
    const gaps = list.filter((each) => each === GAP).length
    gapsSeen += gaps
    doubled += list.length - gaps - own.size
    outOfOrder += inversions(list, reference)
  }
  return { accepted: accepted.length, lost, missing, doubled, outOfOrder, gapsSeen, gapsReal }
}

interface Place {
  readonly index: number
  /** How many gaps come before. */
  readonly part: number
}

/** Where each message first occurs. */
function placesIn (list: readonly number[]): Map<number, Place> {
  const places = new Map<number, Place>()
  let part = 0
  for (const [index, message] of list.entries()) {
    if (message === GAP) part++
    else if (!places.has(message)) places.set(message, { index, part })
  }
  return places
}

/**
 * How many messages are out of order. The messages of a publisher arrive in the order in which they were published, and
 * all clients see the same order. Only across a gap may the order differ: a server that lost its data receives anew
 * what it had not acknowledged.
 */
function inversions (list: readonly number[], reference: ReadonlyMap<number, Place>): number {
  const newest = new Map<number, number>()
  let before: Place | undefined
  let count = 0
  const seen = new Set<number>()
  for (const message of list) {
    if (message === GAP) before = undefined
    // A repeated message counts as doubled.
    if (message === GAP || seen.has(message)) continue
    seen.add(message)
    const publisher = Math.floor(message / PER_PUBLISHER)
    const place = reference.get(message)
    const isBehind = before !== undefined && place !== undefined && place.part === before.part &&
      place.index < before.index
    if (isBehind || message < (newest.get(publisher) ?? 0)) count++
    newest.set(publisher, message)
    before = place ?? before
  }
  return count
}

/** Missing messages are lost unless there is a gap between their neighbours of the same publisher. */
function lossesOf (
  sorted: readonly number[], list: readonly number[], places: ReadonlyMap<number, Place>
): { lost: number, missing: number, gaps: number } {
  const parts = list.filter((message) => message === GAP).length
  const realGaps = new Set<number>()
  let [lost, missing, run, before, publisher] = [0, 0, 0, 0, -1]
  const end = (part: number): void => {
    if (part > before) missing += run
    else lost += run
    if (run > 0) for (let gap = before; gap < part; gap++) realGaps.add(gap)
    run = 0
    before = part
  }
  for (const message of sorted) {
    const next = Math.floor(message / PER_PUBLISHER)
    if (next !== publisher) {
      end(parts)
      publisher = next
      before = 0
    }
    const place = places.get(message)
    if (place === undefined) run++
    else end(place.part)
  }
  end(parts)
  return { lost, missing, gaps: realGaps.size }
}
