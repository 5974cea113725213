import { AsyncResource } from 'node:async_hooks'
import { isMap } from 'node:util/types'

// What is shared by sockets, the flush at the end of a tick and timers, runs in the context of whoever came first. Listeners
// and log lines must see the stores of their own socket.

type Symbols = Record<symbol, unknown>

const OPTIONS = { requireManualDestroy: true }

/** The context of nobody: it was made before there was a socket. */
export const NOBODY: AsyncResource = createResource()

/** The context of the caller; undefined where no AsyncLocalStorage has a store, so that nothing is kept or paid for then. */
export function currentContext (): AsyncResource | undefined {
  const resource = createResource()
  const nobody = NOBODY as unknown as Symbols
  // The stores lie behind symbols of the resource. The others are those of its two ids.
  for (const symbol of Object.getOwnPropertySymbols(resource)) {
    if (typeof nobody[symbol] !== 'number' && hasStore((resource as unknown as Symbols)[symbol])) return resource
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

/** A callback that runs in the context of whoever gave it, when it is called from elsewhere. */
export function inCallersContext<Args extends unknown[]> (callback: (...args: Args) => void): (...args: Args) => void {
  const resource = createResource()
  return (...args) => { resource.runInAsyncScope(callback, undefined, ...args) }
}
