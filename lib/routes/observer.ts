import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  closeChannel, errorChannel, openChannel, type Details, type ReportChannel, type SocketReport
} from '../diagnostics.js'
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

/** The data of the request that a socket keeps. */
export interface Context {
  readonly log: FastifyBaseLogger
  readonly requestId: string
  /** The URL of the route, as declared. */
  readonly route: string
  /** For the log; '' if logging is off. */
  readonly ip: string
  readonly logsClose: boolean
  /** By the clock of lib/timers.ts. */
  readonly openedAt: number
  /** When `maxLifetime` closes the socket. */
  lifetimeEnd: number | undefined
  /** Kept only for the application's error handler, to save memory of idle sockets. */
  readonly request: FastifyRequest | undefined
  readonly reply: FastifyReply | undefined
  /** The error of the peer or the connection. Optional, so that it takes no memory before there is one. */
  fault?: { readonly code: string | undefined, readonly message: string }
}

/** Whether logging is on: a disabled logger of Fastify or Pino uses one function, `noop()`, for all levels. */
function isLogging ({ info, fatal }: FastifyBaseLogger): boolean {
  return info !== fatal || info.name !== 'noop'
}

export function createContext (
  settings: Settings, logsClose: boolean, request: FastifyRequest, reply: FastifyReply
): Context {
  const isKept = settings.errorHandler !== undefined
  const { log } = request
  const logs = isLogging(log)
  return {
    log,
    requestId: request.id,
    route: request.routeOptions.url as string,
    // The system call takes 9 µs, 6 % of a handshake.
    ip: logs ? request.ip : '',
    logsClose: logsClose && logs,
    openedAt: timers.now(),
    lifetimeEnd: undefined,
    request: isKept ? request : undefined,
    reply: isKept ? reply : undefined
  }
}

function publish<Report extends SocketReport> (
  channel: ReportChannel<Report>, details: Details<Report>, socket: WireSocket, { requestId, route }: Context
): void {
  channel.publish({ requestId, route, version: socket.version, socket, ...details } as unknown as Report)
}

/** Counts, logs and publishes that a socket has opened. */
export function reportOpen (server: WireServer, socket: WireSocket, request: FastifyRequest, context: Context): void {
  const { log, logsClose, route, ip } = context
  const { version, protocol, extensions } = socket
  server.measurements.opened(route, version)
  // At level debug, because Fastify logs the request at level info, and the close is logged.
  if (logsClose) tryLog(log, 'debug', { socket: { route, version, ip, protocol, extensions } }, 'socket opened')
  if (openChannel.hasSubscribers) publish(openChannel, { request }, socket, context)
}

function noteFault (error: Error & { code?: string }, _socket: WireSocket, context: unknown): void {
  const { code, message } = error;
  (context as Context).fault = { code, message }
}

/** Creates the settings that the sockets of a route share. `Required`, so that none is forgotten. */
export function createSocketSettings (
  settings: Settings, { server, socketTopics }: Registration, messages?: MessageSchemas
): Required<SocketSettings> {
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

/** Creates the observer that logs, counts and publishes the events of a route's sockets, and handles their errors. */
export function createObserver (
  instance: FastifyInstance, settings: Settings, { server, socketTopics }: Registration
): SocketObserver<WireSocket> {
  const observer: SocketObserver<WireSocket> = {
    onTerminate: (reason, socket, context) => {
      const { log, openedAt, route, ip } = context as Context
      const { version, bufferedAmount } = socket
      const duration = timers.now() - openedAt
      tryLog(log, 'info', { socket: { route, version, ip, reason, bufferedAmount }, duration }, 'socket terminated')
    },
    onDiscard: (socket, context) => {
      const { log, route, ip } = context as Context
      const message = 'messages dropped: the socket has no message listener'
      tryLog(log, 'warn', { socket: { route, version: socket.version, ip } }, message)
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
    // This runs before the application's 'error' listeners, so they see the code of `ws`.
    onProtocolError: (error, socket, context) => {
      noteFault(error, socket, context)
      toWsError(error)
      // In the next tick, so that the close frame was written before the handler can terminate the socket.
      nextTick(handleError, instance, settings, error, socket, context as Context)
    }
  }
}

function handleError (
  instance: FastifyInstance, settings: Settings, error: unknown, socket: WireSocket, context: Context
): void {
  const { log } = context
  const request = context.request as FastifyRequest
  const reply = context.reply as FastifyReply
  const { errorHandler, onInvalid, reportsFaults } = settings
  const onHandlerError = (second: unknown): void => {
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
      const result: unknown = errorHandler.call(instance, error as Error, socket, request, reply)
      if (isThenable(result)) result.then(undefined, onHandlerError)
    }
  } catch (second) {
    onHandlerError(second)
  }
}
