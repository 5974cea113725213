import type { Server } from 'node:http'

// What Node gives a server that is told nothing else.
const DEFAULT_HEADERS_TIMEOUT = 60_000
const DEFAULT_CHECKING_INTERVAL = 30_000

/** As types do not know it: Node reads it when the server begins to listen. */
type CheckedServer = Server & { connectionsCheckingInterval?: number }

/**
 * Bounds how long a connection may take over the head of a request, or say nothing at all, where the application left
 * Node's minute. A handshake cannot be told from another request before its head is there, so this holds for all of them.
 * Node looks after its connections in an interval only, so they last up to a quarter longer.
 * @param timeout in milliseconds
 */
export function boundHeads (server: CheckedServer, timeout: number): void {
  if (server.headersTimeout !== DEFAULT_HEADERS_TIMEOUT || timeout >= DEFAULT_HEADERS_TIMEOUT) return
  server.headersTimeout = timeout
  if (server.connectionsCheckingInterval === DEFAULT_CHECKING_INTERVAL) {
    server.connectionsCheckingInterval = Math.min(DEFAULT_CHECKING_INTERVAL, Math.ceil(timeout / 4))
  }
}
