import { AsyncResource } from 'node:async_hooks'
import { isMap } from 'node:util/types'

// Work that sockets share, such as timers and the flush at the end of a tick, runs in the async context of the first
// socket. Listeners and log lines must see the AsyncLocalStorage stores of their own socket.

type Symbols = Record<symbol, unknown>

const OPTIONS = { requireManualDestroy: true }

/** A context without stores, created before the first socket. */
export const ROOT_CONTEXT: AsyncResource = createResource()

/** Returns the caller's context, or undefined if no AsyncLocalStorage has a store, so nothing needs to be kept. */
export function currentContext (): AsyncResource | undefined {
  const resource = createResource()
  const root = ROOT_CONTEXT as unknown as Symbols
  // The symbols of a resource hold its stores and its two ids, which are numbers.
  for (const symbol of Object.getOwnPropertySymbols(resource)) {
    if (typeof root[symbol] !== 'number' && hasStore((resource as unknown as Symbols)[symbol])) return resource
  }
  return undefined
}

function hasStore (value: unknown): boolean {
  if (!isMap(value)) return value !== undefined
  /* c8 ignore next 3: from Node.js 24 a map holds all stores, and keeps undefined for one that was left */
  // Its class is Node's own and does not inherit from the global Map.
  for (const store of Map.prototype.values.call(value)) if (store !== undefined) return true
  return false
}

function createResource (): AsyncResource {
  return new AsyncResource('WireSocket', OPTIONS)
}

/** Binds a callback to the async context of the caller. */
export function inCallersContext<Args extends unknown[]> (callback: (...args: Args) => void): (...args: Args) => void {
  const resource = createResource()
  return (...args) => { resource.runInAsyncScope(callback, undefined, ...args) }
}
