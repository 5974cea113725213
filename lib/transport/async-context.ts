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

// From Node.js 24 the stores are a map together, in which one that was left stays as undefined.
function hasStore (value: unknown): boolean {
  // (It is of a class of Node.js, which does not inherit from the Map that is here.)
  if (!isMap(value)) return value !== undefined
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
