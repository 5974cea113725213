import { MisspeltOption } from '../errors.js'

/**
 * Finds the known name that an unknown one probably misspells: case is ignored, and up to two edits are allowed, as in
 * `maxPayloads`. Other unknown names are not errors, because options of Fastify or other plugins share the object.
 */
export function meantName (name: string, names: readonly string[]): string | undefined {
  if (names.includes(name)) return undefined
  return names.find((known) => {
    // In a short name, two edits can make an unrelated name.
    const most = known.length < 6 ? 1 : 2
    if (Math.abs(known.length - name.length) > most) return false
    return editDistance(name.toLowerCase(), known.toLowerCase()) <= most
  })
}

/** @throws MisspeltOption */
export function refuseMisspelt (given: object, names: readonly string[], prefix = ''): void {
  for (const name of Object.keys(given)) {
    const meant = meantName(name, names)
    if (meant !== undefined) throw new MisspeltOption(prefix + name, prefix + meant)
  }
}

/** The edit distance: the number of letters to insert, delete, replace, or swap with the next one. */
function editDistance (from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      let edits = Math.min(last[j] as number, row[j - 1] as number) + 1
      edits = Math.min(edits, (last[j - 1] as number) + (isSame ? 0 : 1))
      if (isSwap) edits = Math.min(edits, (before[j - 2] as number) + 1)
      row.push(edits)
    }
    before = last
    last = row
  }
  return last[to.length] as number
}
