import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { closeChannel, errorChannel, openChannel, type Details, type ReportChannel, type SocketReport } from '../diagnostics.js'
import type { Settings } from '../options/resolve.js'
import type { Registration } from './registration.js'
import { isRefusedMessage, type MessageSchemas } from './schema.js'
import type { WireServer } from '../server/server.js'
import type { SocketSettings } from '../socket/init.js'
import type { SocketObserver } from '../socket/observer.js'
import { endLifetime, forgetExpiry } from '../socket/lifetime.js'
import { heartbeatOf } from '../socket/heartbeat.js'
import type { WireSocket } from '../socket/socket.js'
import { isThenable } from '../socket/thenable.js'
import { tryLog } from '../try-log.js'
import { closeRefused, closeWith1011, replyRefused, terminate, toWsError } from './error-handling.js'
import { nextTick, timers } from '../timers.js'

/** What is kept of a request while its socket is open. */
export interface Context {
  readonly log: FastifyBaseLogger
  readonly requestId: string
  /** The URL of the route, as it was declared. */
  readonly route: string
  /** For the log; '' where that is off. */
  readonly ip: string
  readonly logsClose: boolean
  readonly openedAt: number
  /** When the socket closes by itself, where its lifetime is limited. */
  lifetimeEnd: number | undefined
  /** Only for an error handler of the application: an idle socket is not to hold its request. */
  readonly request: FastifyRequest | undefined
  readonly reply: FastifyReply | undefined
  /** Why the peer or the connection failed; there only where one did, since it would cost each socket its place. */
  fault?: { readonly code: string | undefined, readonly message: string }
}

/** Whether anything is logged: a log that is off has one function for all levels. */
function isLogging (log: FastifyBaseLogger): boolean {
  return log.info !== log.fatal
}

export function createContext (settings: Settings, logsClose: boolean, request: FastifyRequest, reply: FastifyReply): Context {
  const isKept = settings.errorHandler !== undefined
  const { log } = request
  return {
    log,
    requestId: request.id,
    route: request.routeOptions.url as string,
    // To ask the system for it takes 9 µs, 6 % of a handshake.
    ip: isLogging(log) ? request.ip : '',
    logsClose,
    openedAt: timers.now(),
    lifetimeEnd: undefined,
    request: isKept ? request : undefined,
    reply: isKept ? reply : undefined
  }
}

function publish<Report extends SocketReport> (channel: ReportChannel<Report>, details: Details<Report>, socket: WireSocket, { requestId, route }: Context): void {
  channel.publish({ requestId, route, version: socket.version, socket, ...details } as unknown as Report)
}

/** Tells those who follow that a socket is open. */
export function socketOpened (server: WireServer, socket: WireSocket, request: FastifyRequest, context: Context): void {
  const { log, logsClose, route, ip } = context
  const { version, protocol, extensions } = socket
  server.measurements.opened(route, version)
  // Fastify has logged the 101 of the same request as info; the line of the close says the rest.
  if (logsClose) tryLog(log, 'debug', { socket: { route, version, ip, protocol, extensions } }, 'socket opened')
  if (openChannel.hasSubscribers) publish(openChannel, { request }, socket, context)
}

function noteFault (error: Error & { code?: string }, _socket: WireSocket, context: unknown): void {
  const { code, message } = error;
  (context as Context).fault = { code, message }
}

/** What the sockets of a route have in common. */
export function createSocketSettings (
  settings: Settings, { server, socketTopics }: Registration, messages?: MessageSchemas
): SocketSettings {
  if (messages?.outbound !== undefined) server.takesValues = true
  return {
    closeTimeout: settings.closeTimeout,
    directIO: settings.directIO,
    topics: socketTopics,
    inbound: messages?.inbound,
    outbound: messages?.outbound,
    messageRate: settings.messageRate,
    heartbeat: settings.heartbeat === undefined ? undefined : heartbeatOf(settings.heartbeat),
    backpressure: settings.backpressure
  }
}

/** Logs, counts and publishes what happens to the sockets of a route, and hands errors to the application. */
export function createObserver (
  instance: FastifyInstance, settings: Settings, { server, socketTopics }: Registration
): SocketObserver<WireSocket> {
  const observer: SocketObserver<WireSocket> = {
    onTerminate: (reason, socket, context) => {
      const { log, openedAt, route, ip } = context as Context
      const { version, bufferedAmount } = socket
      const duration = timers.now() - openedAt
      tryLog(log, 'info', { socket: { route, version, ip, reason, bufferedAmount }, duration }, 'socket cut')
    },
    onDiscard: (socket, context) => {
      const { log, route, ip } = context as Context
      tryLog(log, 'warn', { socket: { route, version: socket.version, ip } }, 'messages dropped: nobody listens to them')
    },
    publish: (channel, details, socket, context) => { publish(channel, details, socket, context as Context) },
    onLatency: (latency) => { server.measurements.latency.record(latency) },
    onProtocolError: noteFault,
    onError: (error, socket, context) => {
      if (errorChannel.hasSubscribers) {
        const source = isRefusedMessage(error) ? 'peer' : 'application'
        publish(errorChannel, { error, source }, socket, context as Context)
      }
      handleError(instance, settings, error, socket, context as Context)
    },
    onCloseListeners: (running) => { server.closeListeners.add(running, settings.closeTimeout) },
    onClose: (socket, code, reason, context) => {
      server.delete(socket)
      socketTopics.detach(socket)
      const { log, logsClose, openedAt, lifetimeEnd, route, ip, fault } = context as Context
      if (lifetimeEnd !== undefined) endLifetime(socket, lifetimeEnd)
      forgetExpiry(socket)
      const { version, traffic } = socket
      const duration = timers.now() - openedAt
      server.measurements.closed(route, version, code, traffic)
      if (logsClose) {
        const facts = { route, version, ip, code, reason: reason.toString(), ...traffic, ...fault && { fault } }
        tryLog(log, 'info', { socket: facts, duration }, 'socket closed')
      }
      if (closeChannel.hasSubscribers) {
        publish(closeChannel, { code, reason: reason.toString(), duration }, socket, context as Context)
      }
    }
  }
  if (!settings.reportsFaults) return observer
  return {
    ...observer,
    // Before the listeners of the application, so that they find the error with its other code.
    onProtocolError: (error, socket, context) => {
      noteFault(error, socket, context)
      toWsError(error)
      // Later, so that the close frame of a fault has left before the handler can cut the connection.
      nextTick(handleError, instance, settings, error, socket, context as Context)
    }
  }
}

function handleError (instance: FastifyInstance, settings: Settings, error: unknown, socket: WireSocket, context: Context): void {
  const { log, request, reply } = context
  const { errorHandler, onInvalid, reportsFaults } = settings
  const failedToo = (second: unknown): void => {
    tryLog(log, 'error', { err: second }, 'the errorHandler of a WebSocket route failed')
    socket.terminate()
  }
  try {
    if (onInvalid !== undefined && isRefusedMessage(error)) {
      const refuse = onInvalid === 'close' ? closeRefused : replyRefused
      refuse(error, socket, log)
    } else if (errorHandler === undefined) {
      const fail = reportsFaults ? terminate : closeWith1011
      fail(error, socket, log)
    } else {
      const result: unknown = errorHandler.call(instance, error as Error, socket, request as FastifyRequest, reply as FastifyReply)
      if (isThenable(result)) result.then(undefined, failedToo)
    }
  } catch (second) {
    failedToo(second)
  }
}
