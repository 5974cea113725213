import { NotOpen } from '../errors.js'
import type { Protocol } from '../protocol/protocol.js'
import { nextTick } from '../timers.js'
import { inCallersContext } from '../transport/async-context.js'
import type { Transport, WriteCallback } from '../transport/transport.js'
import { isThenable } from './thenable.js'

/** The connection, as far as the callbacks of `send()` use it. */
export interface CallbackConnection {
  readonly transport: Transport
  readonly protocol: Protocol
  readonly readyState: number
  fail (error: unknown): void
}

/**
 * Calls the callbacks of `send()`: when the message has left the process, or with the reason why it is refused.
 *
 * This is a base class of Sender, because a separate object would cost memory for each idle socket. It has no private
 * methods for the same reason.
 */
export class SendCallbacks<Connection extends CallbackConnection> {
  protected readonly connection: Connection

  constructor (connection: Connection) {
    this.connection = connection
  }

  /** Calls back when everything sent so far has left the process, or with an error. */
  whenWritten (callback: WriteCallback): void {
    const { connection } = this
    const { protocol, transport } = connection
    const contained = protocol.compressing > 0 ? inCallersContext(this.contain(callback)) : this.contain(callback)
    protocol.whenOutput(() => {
      // The connection closed while the message was being compressed.
      if (protocol.state === 'closed') nextTick(contained, new NotOpen(connection.readyState))
      else transport.whenWritten(contained)
    })
  }

  /** Refuses a message: its callback gets the error. */
  refuse (error: Error, callback: WriteCallback | undefined): 'refused' {
    if (callback !== undefined) nextTick(this.contain(callback), error)
    return 'refused'
  }

  /** Refuses a message because the socket is not open. */
  refuseClosed (callback: WriteCallback | undefined): 'refused' {
    return callback === undefined ? 'refused' : this.refuse(new NotOpen(this.connection.readyState), callback)
  }

  /**
   * Refuses a message that this connection cannot carry.
   * @throws the error, if there is no callback
   */
  protected refuseInvalid (error: unknown, callback: WriteCallback | undefined): 'refused' {
    if (callback === undefined) throw error
    return this.refuse(error as Error, callback)
  }

  /** Wraps a callback so that its errors go to the error handler of the route. */
  protected contain (callback: WriteCallback): WriteCallback {
    const { connection } = this
    return (error) => {
      try {
        const result: unknown = callback(error)
        if (isThenable(result)) result.then(undefined, (reason: unknown) => { connection.fail(reason) })
      } catch (thrown) {
        connection.fail(thrown)
      }
    }
  }
}
