import type { Row } from '../rows.js'
import { Connection, handshakeRequest, type Target } from './connection.js'
import type { Facts, Load } from './load.js'
import type { Meter } from './meter.js'

/** Opens several connections at a time, and closes each after its handshake. */
export class HandshakeLoad implements Load {
  readonly #row: Row
  readonly #target: Target
  readonly #request: Buffer
  readonly #meter: Meter
  #isRunning = false
  #lanes: Promise<unknown> = Promise.resolve()

  constructor (row: Row, target: Target, meter: Meter) {
    this.#row = row
    this.#target = target
    this.#request = handshakeRequest(target)
    this.#meter = meter
  }

  async open (): Promise<void> {}

  async check (): Promise<Facts> {
    const { head } = await this.#openOne()
    // Key and accept value are those of RFC 6455 §1.3.
    if (!/^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/im.test(head)) {
      throw new Error('the response to the handshake has no valid Sec-WebSocket-Accept')
    }
    return {}
  }

  start (): void {
    this.#isRunning = true
    this.#lanes = Promise.all(Array.from({ length: this.#row.sockets }, async () => {
      while (this.#isRunning) {
        const began = performance.now()
        await this.#openOne()
        this.#meter.record(1, began, performance.now())
      }
    }))
    // stop() rejects with a failure.
    this.#lanes.catch(() => {})
  }

  async stop (): Promise<void> {
    this.#isRunning = false
    await this.#lanes
  }

  async #openOne (): Promise<Connection> {
    const connection = await Connection.open(this.#target, this.#request)
    connection.close()
    return connection
  }
}
