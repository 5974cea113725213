import type { IncomingMessage, Server } from 'node:http'

export interface Precedence {
  /** An upgrade is answered: the listeners that follow do not get it. */
  take (request: IncomingMessage): void
  stop (): void
}

/**
 * Keeps the upgrades that are answered from the listeners behind ours. Some take whatever comes below their prefix, as
 * @fastify/http-proxy does with '/', and a second response for one connection is an exception that nobody catches.
 * Listeners before ours get all of them, as ever; a server without listeners behind ours is left as it is.
 */
export function takePrecedence (server: Server): Precedence {
  let taken: IncomingMessage | undefined
  let restore: (() => void) | undefined
  // The one that is added now is behind ours.
  const onNewListener = (name: string | symbol): void => {
    if (name === 'upgrade') restore ??= filterUpgrades(server, (request) => request === taken, () => { taken = undefined })
  }
  server.on('newListener', onNewListener)
  return {
    take: (request) => { if (restore !== undefined) taken = request },
    stop: () => {
      server.off('newListener', onNewListener)
      restore?.()
    }
  }
}

/** Has 'upgrade' stop at the listener that takes it. */
function filterUpgrades (server: Server, isTaken: (request: IncomingMessage) => boolean, forget: () => void): () => void {
  const before = Object.getOwnPropertyDescriptor(server, 'emit')
  const own = server.emit
  const emit = function (this: Server, name: string, ...args: unknown[]): boolean {
    if (name !== 'upgrade') {
      // Tracing packages replace it on the prototype.
      const next: unknown = before === undefined ? (Object.getPrototypeOf(server) as Server).emit : own
      return Reflect.apply(next as typeof server.emit, server, [name, ...args]) as boolean
    }
    const listeners = server.rawListeners('upgrade')
    for (const listener of listeners) {
      if (isTaken(args[0] as IncomingMessage)) break
      Reflect.apply(listener, server, args)
    }
    forget()
    return listeners.length > 0
  }
  server.emit = emit as typeof server.emit
  return () => {
    if (server.emit !== emit) return
    if (before === undefined) Reflect.deleteProperty(server, 'emit')
    else server.emit = own
  }
}
