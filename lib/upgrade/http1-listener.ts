import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { Duplex } from 'node:stream'
import { isWebSocketUpgrade } from '../handshake/handshake.js'
import { Connections } from './connections.js'
import { Http1Upgrade, ignoreError, type UpgradeContext } from './http1.js'
import { takePrecedence } from './precedence.js'
import type { FailureHandler } from './response.js'
import { answerFailure } from './unavailable.js'

/** Routes an upgrade to the application. */
type Routing = (request: IncomingMessage, upgrade: Http1Upgrade) => void

/**
 * Answers the upgrades of a server. If the server has other 'upgrade' listeners, only requests for which `isOurs`
 * returns true are answered. An exception is passed to `onFailure` and answered with 500.
 * @param connections the connections of the server
 * @returns a function that stops listening
 */
export function listenForUpgrades (
  server: Server, routing: Routing, isOurs: (request: IncomingMessage) => boolean,
  onFailure: FailureHandler = ignoreError,
  connections = new Connections()
): () => void {
  const context: UpgradeContext = { connections, onFailure }
  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    // Node's server has removed its 'error' listener. Without this one, a connection reset ends the process.
    stream.on('error', ignoreError)
    afterEarlierResponses(request, stream, () => { answer(request, stream, head) })
  }
  const answer = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    let upgrade: Http1Upgrade | undefined
    try {
      const isAlone = server.listenerCount('upgrade') === 1
      if (isWebSocketUpgrade(request.headers)) {
        if (isTaken(stream) || (!isAlone && !isOurs(request))) {
          connections.forget(stream)
          return
        }
        // HTTP timeouts do not apply to a WebSocket. A duplex that an application emits may lack these methods.
        const socket = stream as Duplex & Partial<Pick<Socket, 'setTimeout' | 'setNoDelay'>>
        socket.setTimeout?.(0)
        socket.setNoDelay?.(true)
        precedence.take(request)
        upgrade = new Http1Upgrade(request, stream, head, context)
        try {
          routing(request, upgrade)
        } finally {
          upgrade.watch()
        }
      } else if (isAlone) {
        serveWithoutUpgrade(server, request, stream, head)
      } else {
        connections.forget(stream)
      }
    } catch (error) {
      answerFailure(upgrade, error, onFailure, () => { stream.destroy() })
    }
  }
  server.on('upgrade', onUpgrade)
  const precedence = takePrecedence(server)
  const restore = declineOtherUpgrades(server)
  return () => {
    server.off('upgrade', onUpgrade)
    precedence.stop()
    restore()
  }
}

/** A server of Node.js 22.21, 24.9 or later. */
interface ServerWithCallback {
  shouldUpgradeCallback? (request: IncomingMessage): boolean
}

/**
 * Makes a server with `shouldUpgradeCallback` treat upgrades to other protocols as ordinary requests (RFC 9110 §7.8),
 * unless it has other 'upgrade' listeners. Older servers emit 'upgrade' for them: see `serveWithoutUpgrade()`.
 * @returns a function that restores the callback
 */
function declineOtherUpgrades (server: Server & ServerWithCallback): () => void {
  const before = server.shouldUpgradeCallback
  if (before === undefined) return () => {}
  server.shouldUpgradeCallback = (request) => {
    if (isWebSocketUpgrade(request.headers)) return true
    return server.listenerCount('upgrade') > 1 && before.call(server, request)
  }
  return () => { server.shouldUpgradeCallback = before }
}

interface AnsweredStream extends Duplex {
  /** Node's private reference to the response that is using the stream. */
  _httpMessage?: ServerResponse | null
}

/** Whether an earlier listener has answered. */
function isTaken (stream: AnsweredStream): boolean {
  return stream.destroyed || stream._httpMessage != null
}

/** Waits for the responses to requests that were pipelined before the upgrade (RFC 9112 §9.3.2). */
function afterEarlierResponses (request: IncomingMessage, stream: AnsweredStream, answer: () => void): void {
  const earlier = stream._httpMessage
  if (earlier == null || earlier.req === request) {
    answer()
    return
  }
  // After an upgrade Node's server no longer emits 'drain' on its responses.
  const onDrain = (): void => { earlier.emit('drain') }
  stream.on('drain', onDrain)
  earlier.once('finish', () => {
    stream.off('drain', onDrain)
    if (stream.writable) afterEarlierResponses(request, stream, answer)
  })
}

/**
 * Serves an upgrade to another protocol, such as h2c, as an ordinary request (RFC 9110 §7.8): the server parses it
 * again, without its Upgrade header.
 */
function serveWithoutUpgrade (server: Server, request: IncomingMessage, stream: Duplex, head: Buffer): void {
  let text = `${request.method as string} ${request.url as string} HTTP/${request.httpVersion}\r\n`
  const lines = request.rawHeaders
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string
    if (name.toLowerCase() !== 'upgrade') text += `${name}: ${lines[i + 1] as string}\r\n`
  }
  stream.off('error', ignoreError)
  stream.unshift(Buffer.concat([Buffer.from(text + '\r\n', 'latin1'), head]))
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', stream)
}
