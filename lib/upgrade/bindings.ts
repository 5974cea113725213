import type { FastifyInstance } from 'fastify'

// What Fastify calls the slot, which is not public: it hands 'upgrade' events of these servers on, and no other ones.
const SLOT = 'fastify.serverBindings'

/** The servers that listen beside that of the application: on 'localhost' there is one for each address. Known once it listens. */
export function secondaryServers (instance: FastifyInstance): readonly object[] {
  for (let holder: object | null = instance; holder !== null; holder = Object.getPrototypeOf(holder) as object | null) {
    const slot = Object.getOwnPropertySymbols(holder).find(({ description }) => description === SLOT)
    if (slot !== undefined) return (holder as Record<symbol, readonly object[]>)[slot] as readonly object[]
  }
  return []
}
