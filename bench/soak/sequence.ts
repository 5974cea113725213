// Numbered messages of the soak. Their lengths cover all three forms of the length in a frame head. Their content
// follows from their number, so that a damaged message is detected.

/** Counts the faults in the messages of one direction of a connection. */
export interface Tally {
  /** The highest number received. */
  readonly highest: number
  /** How many lower numbers never came. */
  readonly missing: number
  readonly doubled: number
  readonly reordered: number
  readonly damaged: number
}

const LARGE = 70_000

/** Every hundredth message is large, at a different time on each connection. */
export function messageOf (number: number, connection: number): string {
  const length = (number + connection) % 100 === 0 ? LARGE : number * 7919 % 300
  return `${number} ${String.fromCharCode(97 + number % 26).repeat(length)}`
}

/** Checks the messages of one direction of a connection. */
export class Sequence {
  readonly #connection: number
  #highest = 0
  readonly #missing = new Set<number>()
  #doubled = 0
  #reordered = 0
  #damaged = 0

  constructor (connection: number) {
    this.#connection = connection
  }

  /** Returns a description of the fault, or undefined for a correct message. */
  receive (text: string): string | undefined {
    const number = Number.parseInt(text)
    if (!(number > 0) || text !== messageOf(number, this.#connection)) {
      this.#damaged++
      return `a damaged message of ${text.length} characters behind ${this.#highest}`
    }
    const last = this.#highest
    if (number === last + 1) {
      this.#highest = number
      return undefined
    }
    if (number > last) {
      for (let skipped = last + 1; skipped < number; skipped++) this.#missing.add(skipped)
      this.#highest = number
    } else if (this.#missing.delete(number)) this.#reordered++
    else this.#doubled++
    return `${number} behind ${last}`
  }

  get tally (): Tally {
    return {
      highest: this.#highest,
      missing: this.#missing.size,
      doubled: this.#doubled,
      reordered: this.#reordered,
      damaged: this.#damaged
    }
  }
}

/** The number of messages that did not arrive, of those that were sent. */
export function lostOf ({ highest, missing }: Tally, sent: number): number {
  return missing + Math.max(0, sent - highest)
}
