import type { Row } from '../rows.js'
import { Connection, handshakeRequest, type Target } from './connection.js'
import type { Meter, Work } from './meter.js'
import { losePatience, PATIENCE } from './patience.js'

/** What was found out before anything is measured. */
export interface Facts {
  /** Why this server cannot do this work. */
  readonly note?: string
  /** Bytes of an answer's payload for each byte of the message, where it is compressed. */
  readonly ratio?: number
}

export interface Load extends Work {
  /** Opens connections until there are so many. */
  open (count: number): Promise<void>
  /** Proves that the server answers rightly. */
  check (): Promise<Facts>
}

const AT_ONCE = 64

/** The connections of a load that keeps them open. */
export abstract class HeldConnections {
  protected readonly connections: Connection[] = []
  protected readonly row: Row
  protected readonly meter: Meter
  protected isRunning = false
  /** Answers that are still to come. */
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
    await Promise.all(Array.from({ length: AT_ONCE }, openSome))
  }

  /** Sets what a connection does with what it receives. */
  protected abstract attach (connection: Connection): void

  /** One answer came, and no message was sent after it. */
  protected finishOne (): void {
    if (--this.pending === 0) this.#settle?.resolve()
  }

  /** Gives connections back to the load after a conversation that was checked. */
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
    const end = losePatience(() => {
      this.#settle?.reject(new Error(`${this.pending} answers did not come in ${PATIENCE} s`))
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
