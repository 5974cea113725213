import { Session } from 'node:inspector'

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

interface ScriptCoverage {
  readonly url: string
  readonly functions: ReadonlyArray<{ readonly ranges: readonly Range[] }>
}

/** The blocks of lib/ that have run, from the coverage of V8. */
export class Coverage {
  readonly #session = new Session()
  readonly #seen = new Set<string>()

  constructor () {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  get size (): number {
    return this.#seen.size
  }

  /** Returns the blocks that have run since the last call. */
  #collect (): string[] {
    const ran: string[] = []
    // The session belongs to this thread, and answers synchronously.
    this.#session.post('Profiler.takePreciseCoverage', (_error, { result }: { result: readonly ScriptCoverage[] }) => {
      for (const { url, functions } of result) {
        if (!url.includes('/lib/') || url.includes('/node_modules/')) continue
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count > 0) ran.push(`${url}:${startOffset}:${endOffset}`)
          }
        }
      }
    })
    return ran
  }

  /** Records the blocks that have run since the last call. @returns those that ran for the first time */
  take (): Set<string> {
    const fresh = new Set(this.#collect().filter((block) => !this.#seen.has(block)))
    for (const block of fresh) this.#seen.add(block)
    return fresh
  }

  /**
   * Finds the inputs that run one of the blocks, by running halves of the list. Removes their blocks from the set.
   */
  pick (inputs: readonly Buffer[], run: (input: Buffer) => void, blocks: Set<string>): readonly Buffer[] {
    if (blocks.size === 0) return []
    for (const input of inputs) run(input)
    const found = this.#collect().filter((block) => blocks.has(block))
    if (found.length === 0) return []
    if (inputs.length === 1) {
      for (const block of found) blocks.delete(block)
      return inputs
    }
    const half = inputs.length >> 1
    return [...this.pick(inputs.slice(0, half), run, blocks), ...this.pick(inputs.slice(half), run, blocks)]
  }

  stop (): void {
    this.#session.disconnect()
  }
}
