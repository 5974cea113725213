import { AsyncResource } from 'node:async_hooks'
import { grant, remaining } from '../codec/budget.js'
import { timers } from '../timers.js'

/**
 * Shares the event loop between sockets, so that no peer can block it. Work is counted in units of the budget, about a
 * microsecond each.
 *
 *   bytes are read ──▶ a share of work ── all processed ──▶ read on
 *                            │ share used up
 *                            ▼
 *                     the socket waits in the queue ──▶ next turn of the loop: a share for each socket in the queue,
 *                            ▲                          until the turn is full
 *                            │                               │
 *                            └────── share used up ──────────┘
 */
export interface TurnTaker {
  /** The turn in which the socket last received bytes. */
  turn: number
  /** Processes a share, in a later turn of the loop. */
  takeTurn (): void
}

/** The work of one socket at a time, in units of the budget. */
export const SHARE = 512

/** The work of all sockets in one turn of the loop, whether read or queued, in units of the budget. */
export const TURN = 2_048

/** The SHARE of a socket whose bytes are read in a full turn, so that small senders need not wait for large ones. */
export const MIN_SHARE = 64

/** The time limit for queued sockets in one turn, in milliseconds, in case listeners take longer than their units. */
const MAX_TURN_TIME = 4

// Less work than this, in units of the budget, does not start a new turn. A quiet server needs no setImmediate().
const MIN_COUNTED_WORK = 256

// Captured now: if a test replaces it later, sockets must not stop receiving.
const nextTurn = timers.setImmediate

// Turns belong to no request, so they run in a context of their own.
const resource = new AsyncResource('FastifyWireTurn')

let turn = 1
let used = 0
let isScheduled = false
let queue: TurnTaker[] = []

/** Grants a share of work and returns its size. */
export function beginShare (): number {
  const share = used < TURN ? SHARE : MIN_SHARE
  grant(share)
  return share
}

/**
 * Ends a share.
 * @returns whether further bytes of this socket have to wait for another turn
 */
export function endShare (socket: TurnTaker, share: number): boolean {
  const left = remaining()
  used += share - left
  if (used >= MIN_COUNTED_WORK && !isScheduled) schedule()
  const isOver = left <= 0 || (used >= TURN && socket.turn === turn)
  socket.turn = turn
  return isOver
}

/** Adds a socket to the queue. */
export function waitForTurn (socket: TurnTaker): void {
  queue.push(socket)
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
  if (queue.length === 0) return
  const sockets = queue
  queue = []
  const end = timers.now() + MAX_TURN_TIME
  let served = 0
  try {
    while (served < sockets.length && used < TURN) {
      (sockets[served++] as TurnTaker).takeTurn()
      if (timers.now() > end) used = Math.max(used, TURN)
    }
  } finally {
    // Sockets that were not served go before those that were queued again.
    if (served < sockets.length) queue = [...sockets.slice(served), ...queue]
    if (queue.length > 0 && !isScheduled) schedule()
  }
}
