import type { Details, ReportChannel, SocketReport } from '../diagnostics.js'

/**
 * Observes the sockets of a route. `context` is that of the SocketInit.
 * Errors thrown by these methods go to `onError()`. If `onError()` throws, the connection is destroyed.
 */
export interface SocketObserver<Socket> {
  /** Called when the handler or a listener throws or rejects. */
  onError (error: unknown, socket: Socket, context: unknown): void
  /** Called when the peer violates the protocol or the connection fails, before the 'error' listeners. */
  onProtocolError? (error: Error, socket: Socket, context: unknown): void
  /** Called when messages are discarded because nothing takes them. */
  onDiscard? (socket: Socket, context: unknown): void
  /** Called before the heartbeat destroys the connection, or the backpressure closes the socket. */
  onTerminate? (reason: string, socket: Socket, context: unknown): void
  /**
   * Called when the peer answers a heartbeat ping.
   * @param latency the round-trip time in milliseconds
   */
  onLatency? (latency: number): void
  /** Called after the 'close' listeners, with the promises of those that are asynchronous. */
  onCloseListeners? (running: Array<Promise<unknown>>): void
  /** Called when the connection is closed. The 'close' listeners may be called later. */
  onClose (socket: Socket, code: number, reason: Buffer, context: unknown): void
  /** Publishes a report to a diagnostics channel that has subscribers. */
  publish? <Report extends SocketReport>(
    channel: ReportChannel<Report>, details: Details<Report>, socket: Socket, context: unknown
  ): void
}
