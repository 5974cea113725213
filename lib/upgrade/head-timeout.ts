import type { Server } from 'node:http'

// Node's defaults.
const DEFAULT_HEADERS_TIMEOUT = 60_000
const DEFAULT_CHECKING_INTERVAL = 30_000

/** A server with the field that Node reads when it begins to listen, which its types omit. */
type CheckedServer = Server & { connectionsCheckingInterval?: number }

/**
 * Limits how long a connection may take to send the head of a request, unless the application has changed Node's
 * default of one minute. The limit holds for all requests, because a handshake is not recognized before its head is
 * complete. Node checks its connections at an interval, so a connection can last up to a quarter longer.
 * @param timeout in milliseconds
 */
export function boundHeads (server: CheckedServer, timeout: number): void {
  if (server.headersTimeout !== DEFAULT_HEADERS_TIMEOUT || timeout >= DEFAULT_HEADERS_TIMEOUT) return
  server.headersTimeout = timeout
  if (server.connectionsCheckingInterval === DEFAULT_CHECKING_INTERVAL) {
    server.connectionsCheckingInterval = Math.min(DEFAULT_CHECKING_INTERVAL, Math.ceil(timeout / 4))
  }
}
