import type { Details, ReportChannel, SocketReport } from '../diagnostics.js'

/**
 * Sees what happens to the sockets of a route. `context` is that of the SocketInit.
 * An error that one of these methods throws goes to `onError`; when that one throws, the connection is cut.
 */
export interface SocketObserver<Socket> {
  /** The handler or a listener threw this, or rejected with it. */
  onError (error: unknown, socket: Socket, context: unknown): void
  /** The peer broke a rule, or the connection failed. Called before the listeners of 'error'. */
  onProtocolError? (error: Error, socket: Socket, context: unknown): void
  /** Messages of a socket are discarded, because nobody takes them. */
  onDiscard? (socket: Socket, context: unknown): void
  /** A rule of ours cuts or closes a socket. */
  onTerminate? (reason: string, socket: Socket, context: unknown): void
  /** The peer answered a ping of the heartbeat after so many milliseconds. */
  onLatency? (latency: number): void
  /** The listeners of 'close' have been called, and these of them are asynchronous. */
  onCloseListeners? (running: Array<Promise<unknown>>): void
  /** The connection is gone. The listeners of 'close' may be called later. */
  onClose (socket: Socket, code: number, reason: Buffer, context: unknown): void
  /** Publishes to a diagnostics channel that has subscribers. */
  publish? <Report extends SocketReport>(
    channel: ReportChannel<Report>, details: Details<Report>, socket: Socket, context: unknown
  ): void
}
