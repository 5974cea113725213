import { FANOUT_MESSAGE } from '../payload.js'
import type { Row } from '../rows.js'
import type { Connection, Target } from './connection.js'
import { clientFrame, decodeFrame, TEXT } from './frames.js'
import { HeldConnections, type Facts, type Load } from './load.js'
import type { Meter } from './meter.js'

/**
 * The first connection requests a round of messages to all connections, including itself, and the next round when all
 * bytes of the last one have arrived.
 */
export class FanoutLoad extends HeldConnections implements Load {
  readonly #trigger: Buffer
  #expected = Infinity
  #received = 0
  #since = 0

  constructor (row: Row, target: Target, meter: Meter) {
    super(row, target, meter)
    this.#trigger = clientFrame(TEXT, Buffer.from(String(row.inFlight)))
  }

  async check (): Promise<Facts> {
    const { inFlight } = this.row
    const isWhole = (answer: Buffer): boolean => readMessages(answer).length === inFlight
    const answers = await Promise.all(this.connections.map((connection, i) =>
      connection.converse(i === 0 ? this.#trigger : Buffer.alloc(0), isWhole)))
    for (const answer of answers) {
      if (!readMessages(answer).every((message) => message.equals(FANOUT_MESSAGE))) {
        throw new Error('a receiver received a different message')
      }
    }
    this.reattach(this.connections)
    this.#expected = this.connections.length * (answers[0] as Buffer).length
    return {}
  }

  start (): void {
    this.isRunning = true
    this.pending = 1
    this.#send(performance.now())
  }

  #send (now: number): void {
    this.#received = 0
    this.#since = now
    ;(this.connections[0] as Connection).socket.write(this.#trigger)
  }

  protected override attach (connection: Connection): void {
    connection.onBytes = (length) => {
      this.#received += length
      if (this.#received < this.#expected) return
      const now = performance.now()
      this.meter.record(this.connections.length * this.row.inFlight, this.#since, now)
      if (this.isRunning) this.#send(now)
      else this.finishOne()
    }
  }
}

function readMessages (bytes: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; ;) {
    const frame = decodeFrame(bytes.subarray(at))
    if (frame === undefined) return messages
    messages.push(frame.payload)
    at += frame.length
  }
}
