import type { IncomingMessage } from 'node:http'
import {
  constants, Http2ServerResponse, type Http2Server, type Http2ServerRequest, type ServerHttp2Session
} from 'node:http2'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as TlsServer } from 'node:tls'
import { isExtendedConnect } from '../handshake/handshake.js'
import { destroyStream } from '../transport/http2.js'
import { Http2Upgrade } from './http2.js'
import type { FailureHandler } from './response.js'
import { Sessions } from './sessions.js'
import { answerFailure } from './unavailable.js'

/** Routes an upgrade to the application. */
type Routing = (request: IncomingMessage, upgrade: Http2Upgrade) => void

/** The handle of a listener. */
export interface ConnectListener {
  /** Takes no more streams on the connections that had a handshake, and ends each when its last stream is gone. */
  close (): void
  /** Stops listening. */
  stop (): void
}

export function isHttp2Server (server: object): server is Http2Server {
  return 'updateSettings' in server
}

/**
 * Answers the extended CONNECTs for a WebSocket (RFC 8441) of a server, and enables them in its settings. If the server
 * has other 'connect' listeners, only requests for which `isOurs` returns true are answered. An exception is passed to
 * `onFailure` and answered with 500.
 */
export function listenForConnects (
  server: Http2Server, routing: Routing, isOurs: (request: IncomingMessage) => boolean,
  onFailure: FailureHandler
): ConnectListener {
  const sessions = new Sessions()
  const onConnect = (given: Http2ServerRequest | IncomingMessage, response: Http2ServerResponse | Duplex): void => {
    const isAlone = server.listenerCount('connect') === 1
    if (!(response instanceof Http2ServerResponse)) {
      // An HTTP/1.1 CONNECT. Node destroys the connection if there is no listener.
      if (isAlone) response.destroy()
      return
    }
    const { stream } = response
    let upgrade: Http2Upgrade | undefined
    try {
      upgrade = take(given as Http2ServerRequest & IncomingMessage, response, isAlone)
      if (upgrade !== undefined) routing(given as IncomingMessage, upgrade)
    } catch (error) {
      answerFailure(upgrade, error, onFailure, () => { destroyStream(stream) })
    }
  }
  const take = (
    request: Http2ServerRequest & IncomingMessage, response: Http2ServerResponse, isAlone: boolean
  ): Http2Upgrade | undefined => {
    if (!isExtendedConnect(request.headers)) {
      if (isAlone) refuseAsNode(response)
      return undefined
    }
    const { stream } = response
    const isFree = !stream.headersSent && !stream.destroyed && !stream.closed
    if (!isFree || (!isAlone && !isOurs(request))) return undefined
    if (server instanceof TlsServer && server.listenerCount('upgrade') > 1 && !isOurs(request)) {
      // The URL may belong to another listener, which needs HTTP/1.1. Browsers then retry with that.
      stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED)
      return undefined
    }
    const session = stream.session as ServerHttp2Session
    sessions.track(session)
    // Router and hooks see the GET that it would be over HTTP/1.1.
    Object.defineProperty(request, 'method', { value: 'GET', writable: true, configurable: true })
    // Own properties, because a package may replace the prototype of the request.
    for (const name of ['headers', 'rawHeaders', 'httpVersion', 'httpVersionMajor', 'url'] as const) pin(request, name)
    // Node's wrapper has the addresses of a net.Socket only, not those of a connection in memory.
    const connection = sessions.connectionOf(session)
    if (connection !== undefined && !(connection instanceof Socket)) {
      Object.defineProperty(request, 'socket', { value: connection, configurable: true })
    }
    return new Http2Upgrade(stream, { request, sessions, onFailure })
  }
  const accepted = server instanceof TlsServer ? 'secureConnection' : 'connection'
  server.prependListener(accepted, sessions.onConnection)
  server.on('session', sessions.onSession)
  server.on('connect', onConnect)
  // Part of the first frame of each session.
  server.updateSettings({ enableConnectProtocol: true })
  return {
    close: () => { sessions.close() },
    stop: () => {
      server.off(accepted, sessions.onConnection)
      server.off('session', sessions.onSession)
      server.off('connect', onConnect)
    }
  }
}

function refuseAsNode (response: Http2ServerResponse): void {
  response.statusCode = 405
  response.end()
}

function pin (request: Http2ServerRequest, name: keyof Http2ServerRequest): void {
  Object.defineProperty(request, name, { value: request[name], writable: true, configurable: true })
}
