import type { Row } from '../rows.js'
import { Connection, handshakeRequest, type Target } from './connection.js'
import type { Facts, Load } from './load.js'
import type { Meter } from './meter.js'

/** Opens connections, a few at once, and closes each when its handshake has been answered. */
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
    // The key is the one of RFC 6455 §1.3, and so is the answer.
    if (!/^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/im.test(head)) {
      throw new Error('the handshake is not answered with the accept key')
    }
    return {}
  }

  start (): void {
    this.#isRunning = true
    this.#lanes = Promise.all(Array.from({ length: this.#row.sockets }, async () => {
      while (this.#isRunning) {
        const began = performance.now()
        await this.#openOne()
        this.#meter.tell(1, began, performance.now())
      }
    }))
    // stop() tells of a failure.
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
