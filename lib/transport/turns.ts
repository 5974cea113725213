import { AsyncResource } from 'node:async_hooks'
import { grant, remaining } from '../codec/budget.js'
import { timers } from '../timers.js'

/**
 * Shares the event loop between sockets, so that no peer holds it up by what it sends. Work is counted in the units of
 * the budget, about a microsecond each.
 *
 *   bytes are read ──▶ a share of work ──all taken──▶ read on
 *                             │ used up
 *                             ▼
 *                     the rest waits in line ──▶ next turn of the loop: a share for each in line, until the turn is full
 *                             ▲                                   │ used up again
 *                             └───────────────────────────────────┘
 */
export interface InLine {
  /** In which turn it received last. */
  turn: number
  /** Receives its share, in a later turn of the loop. */
  takeTurn (): void
}

/** What one socket may do in one go. */
export const SHARE = 512

/** What all sockets in line may do in one turn of the loop, together with what was read in it. */
export const TURN = 2_048

/** What a socket may do whose bytes are read in a turn that is full: peers that send little do not wait for those that send much. */
export const LEAST_SHARE = 64

/** How long the sockets in line may take in one turn, in milliseconds, for listeners that are slower than a unit supposes. */
const LONGEST_TURN = 4

// Less work than this may be counted to a later turn: a quiet server has no turns to count.
const NOTICED = 256

// Taken now: a test may replace it, and nothing would be received any more.
const nextTurn = timers.setImmediate

// What runs in a turn belongs to no request: each of its sockets was in line by itself.
const resource = new AsyncResource('FastifyWireTurn')

let turn = 1
let used = 0
let isScheduled = false
let line: InLine[] = []

/** Grants a share of work, and returns its size. */
export function beginShare (): number {
  const share = used < TURN ? SHARE : LEAST_SHARE
  grant(share)
  return share
}

/**
 * The share is over.
 * @returns whether more bytes of the same socket have to wait for another turn
 */
export function endShare (socket: InLine, share: number): boolean {
  const left = remaining()
  used += share - left
  if (used >= NOTICED && !isScheduled) schedule()
  const isOver = left <= 0 || (used >= TURN && socket.turn === turn)
  socket.turn = turn
  return isOver
}

/** Has a socket take its turn after those that are in line already. */
export function waitInLine (socket: InLine): void {
  line.push(socket)
  if (!isScheduled) schedule()
}

function schedule (): void {
  isScheduled = true
  nextTurn(runInScope)
}

function runInScope (): void {
  resource.runInAsyncScope(runTurn)
}

function runTurn (): void {
  isScheduled = false
  turn++
  used = 0
  if (line.length === 0) return
  const sockets = line
  line = []
  const end = timers.now() + LONGEST_TURN
  let served = 0
  try {
    while (served < sockets.length && used < TURN) {
      (sockets[served++] as InLine).takeTurn()
      if (timers.now() > end) used = Math.max(used, TURN)
    }
  } finally {
    // Those whose turn did not come go before those who wait for another one.
    if (served < sockets.length) line = [...sockets.slice(served), ...line]
    if (line.length > 0 && !isScheduled) schedule()
  }
}
