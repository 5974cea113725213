import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Settings } from './options.js'
import { isRefusedMessage, type MessageSchemas } from './schema.js'
import type { WireServer } from './server.js'
import type { SocketOwner } from './socket/conversation.js'
import type { WireSocket } from './socket/socket.js'
import { toWsError } from './ws-errors.js'

/** What is kept of a request while its socket is open. */
export interface Context {
  readonly log: FastifyBaseLogger
  readonly logsClose: boolean
  readonly openedAt: number
  /** Only for an error handler of the application: an idle socket is not to hold its request. */
  readonly request: FastifyRequest | undefined
  readonly reply: FastifyReply | undefined
}

export function createContext (settings: Settings, logsClose: boolean, request: FastifyRequest, reply: FastifyReply): Context {
  const isKept = settings.errorHandler !== undefined
  return {
    log: request.log,
    logsClose,
    openedAt: performance.now(),
    request: isKept ? request : undefined,
    reply: isKept ? reply : undefined
  }
}

/** What the sockets of a route tell it. */
export function createOwner (instance: FastifyInstance, settings: Settings, server: WireServer, messages?: MessageSchemas): SocketOwner {
  const owner: SocketOwner = {
    closeTimeout: settings.closeTimeout,
    directIO: settings.directIO,
    inbound: messages?.inbound,
    outbound: messages?.outbound,
    failed: (error, socket, context) => { handleError(instance, settings, error, socket, context as Context) },
    closed: (socket, code, reason, context) => {
      server.delete(socket)
      const { log, logsClose, openedAt } = context as Context
      if (!logsClose) return
      log.info({
        socket: { version: socket.version, code, reason: reason.toString(), ...socket.traffic },
        duration: performance.now() - openedAt
      }, 'socket closed')
    }
  }
  if (!settings.reportsFaults) return owner
  return {
    ...owner,
    // Before the listeners of the application, so that they find the error with its other code.
    faulted: (error, socket, context) => {
      toWsError(error)
      // Later, so that the close frame of a fault has left before the handler can cut the connection.
      process.nextTick(handleError, instance, settings, error, socket, context as Context)
    }
  }
}

function handleError (instance: FastifyInstance, settings: Settings, error: unknown, socket: WireSocket, { log, request, reply }: Context): void {
  const { errorHandler, refuse } = settings
  if (refuse !== undefined && isRefusedMessage(error)) {
    refuse(error, socket, log)
    return
  }
  if (errorHandler === undefined) {
    settings.fail(error, socket, log)
    return
  }
  const failedToo = (second: unknown): void => {
    log.error({ err: second }, 'the errorHandler of a WebSocket route failed')
    socket.terminate()
  }
  try {
    const result: unknown = errorHandler.call(instance, error as Error, socket, request as FastifyRequest, reply as FastifyReply)
    if (result instanceof Promise) result.catch(failedToo)
  } catch (second) {
    failedToo(second)
  }
}
