import type { Row } from '../rows.js'
import { Connection, handshakeRequest, type Target } from './connection.js'
import type { Meter, Work } from './meter.js'
import { ANSWER_TIMEOUT, startAnswerTimeout } from './answer-timeout.js'

/** The result of the check before the measurement. */
export interface Facts {
  /** Why the server cannot do this row. */
  readonly note?: string
  /** The compressed size of an answer divided by the size of the message. */
  readonly ratio?: number
}

export interface Load extends Work {
  /** Opens connections until `count` are open. */
  open (count: number): Promise<void>
  /** Checks that the server answers correctly. */
  check (): Promise<Facts>
}

// Handshakes under way at a time.
const CONCURRENCY = 64

/** The connections of a load that keeps them open. */
export abstract class HeldConnections {
  protected readonly connections: Connection[] = []
  protected readonly row: Row
  protected readonly meter: Meter
  protected isRunning = false
  /** How many connections still wait for an answer. */
  protected pending = 0
  readonly #target: Target
  #settle: { resolve: () => void, reject: (error: Error) => void } | undefined
  #failure: Error | undefined

  constructor (row: Row, target: Target, meter: Meter) {
    this.row = row
    this.#target = target
    this.meter = meter
  }

  async open (count: number): Promise<void> {
    const request = handshakeRequest(this.#target)
    const openSome = async (): Promise<void> => {
      while (this.connections.length + opening < count) {
        opening++
        const connection = await Connection.open(this.#target, request)
        opening--
        this.connections.push(connection)
        connection.onFailure(this.#onFailure)
        this.attach(connection)
      }
    }
    let opening = 0
    await Promise.all(Array.from({ length: CONCURRENCY }, openSome))
  }

  /** Sets `onBytes` of a connection. */
  protected abstract attach (connection: Connection): void

  /** Called for the last answer of a connection, after `stop()`. */
  protected finishOne (): void {
    if (--this.pending === 0) this.#settle?.resolve()
  }

  /** Takes connections back after `converse()` has used them. */
  protected reattach (connections: readonly Connection[]): void {
    for (const connection of connections) {
      connection.onFailure(this.#onFailure)
      this.attach(connection)
    }
  }

  async stop (): Promise<void> {
    this.isRunning = false
    if (this.#failure !== undefined) throw this.#failure
    if (this.pending === 0) return
    const end = startAnswerTimeout(() => {
      this.#settle?.reject(new Error(`${this.pending} answers are missing after ${ANSWER_TIMEOUT} s`))
    })
    try {
      await new Promise<void>((resolve, reject) => { this.#settle = { resolve, reject } })
    } finally {
      end()
      this.#settle = undefined
    }
  }

  readonly #onFailure = (error: Error): void => {
    this.#failure = error
    this.#settle?.reject(error)
  }
}
