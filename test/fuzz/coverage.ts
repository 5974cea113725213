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

/** Which blocks of lib/ have run, as V8 counts them. */
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

  /** The blocks that ran since the last call. */
  #collect (): string[] {
    const ran: string[] = []
    // The session is of this thread, and answers at once.
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

  /** Notes what ran since the last call. @returns the blocks that ran for the first time */
  take (): Set<string> {
    const fresh = new Set(this.#collect().filter((block) => !this.#seen.has(block)))
    for (const block of fresh) this.#seen.add(block)
    return fresh
  }

  /**
   * Runs these inputs, and the halves in which one of the blocks runs, to the last. @returns those inputs; their blocks
   * are taken from the set
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
