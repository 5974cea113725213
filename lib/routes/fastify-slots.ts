import type { FastifyInstance } from 'fastify'

/**
 * Reads what Fastify keeps on its instances under a symbol that it does not export.
 * @param name the description of the symbol
 */
export function readSlot (instance: FastifyInstance, name: string): unknown {
  for (let holder: object | null = instance; holder !== null; holder = Object.getPrototypeOf(holder) as object | null) {
    const slot = Object.getOwnPropertySymbols(holder).find(({ description }) => description === name)
    if (slot !== undefined) return (holder as Record<symbol, unknown>)[slot]
  }
  return undefined
}
