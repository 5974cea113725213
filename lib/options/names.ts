import { MisspeltOption } from '../errors.js'

/**
 * The name that another was probably meant to be, where it is none of them itself: written in other letters of case, or
 * a slip or two away, as `maxPayloads`. Options of others share an object with ours, so that not each unknown name is a slip.
 */
export function meantName (name: string, names: readonly string[]): string | undefined {
  if (names.includes(name)) return undefined
  return names.find((known) => {
    // Of a short name too much would be left open by two.
    const most = known.length < 6 ? 1 : 2
    return Math.abs(known.length - name.length) <= most && countSlips(name.toLowerCase(), known.toLowerCase()) <= most
  })
}

/** @throws MisspeltOption */
export function refuseMisspelt (given: object, names: readonly string[], prefix = ''): void {
  for (const name of Object.keys(given)) {
    const meant = meantName(name, names)
    if (meant !== undefined) throw new MisspeltOption(prefix + name, prefix + meant)
  }
}

/** How many letters must be added, left out, changed, or swapped with the next to make one of the other. */
function countSlips (from: string, to: string): number {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      let slips = Math.min(last[j] as number, row[j - 1] as number) + 1
      slips = Math.min(slips, (last[j - 1] as number) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) slips = Math.min(slips, (before[j - 2] as number) + 1)
      row.push(slips)
    }
    before = last
    last = row
  }
  return last[to.length] as number
}
