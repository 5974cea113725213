/**
 * Reads a property that Fastify keeps on its instances under a private symbol.
 * @param name the description of the symbol
 */
export function readSlot (instance: object, name: string): unknown {
  return readSlots(instance, name)[0]
}

/** Returns the values of a slot on an instance and its parents, up to the root. */
export function readSlots (instance: object, name: string): unknown[] {
  const values: unknown[] = []
  for (let holder: object | null = instance; holder !== null; holder = Object.getPrototypeOf(holder) as object | null) {
    const slot = Object.getOwnPropertySymbols(holder).find(({ description }) => description === name)
    if (slot !== undefined) values.push((holder as Record<symbol, unknown>)[slot])
  }
  return values
}
