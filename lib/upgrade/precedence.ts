import type { IncomingMessage, Server } from 'node:http'

export interface Precedence {
  /** Marks an upgrade as answered: later listeners do not receive it. */
  take (request: IncomingMessage): void
  stop (): void
}

/**
 * Hides answered upgrades from the 'upgrade' listeners that were added after ours. Some of those answer every URL below
 * their prefix, as @fastify/http-proxy does with '/', and a second response on one connection is an uncaught exception.
 * Earlier listeners receive all upgrades as usual. A server without later listeners is not changed.
 */
export function takePrecedence (server: Server): Precedence {
  let taken: IncomingMessage | undefined
  let restore: (() => void) | undefined
  const onNewListener = (name: string | symbol): void => {
    if (name !== 'upgrade') return
    restore ??= filterUpgrades(server, (request) => request === taken, () => { taken = undefined })
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

/** Replaces `emit()` so that an 'upgrade' event stops after the listener that takes it. */
function filterUpgrades (
  server: Server, isTaken: (request: IncomingMessage) => boolean, forget: () => void
): () => void {
  const before = Object.getOwnPropertyDescriptor(server, 'emit')
  const own = server.emit
  const emit = function (this: Server, name: string, ...args: unknown[]): boolean {
    if (name !== 'upgrade') {
      // Looked up at each call: tracing packages patch the prototype.
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
