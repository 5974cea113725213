// `npm run fuzz`: changes inputs of the corpus, and keeps those that run a block of lib/ for the first time. V8 counts
// the blocks, so no native code is needed.
import { parseArgs } from 'node:util'
import { createRandom } from '../fixtures/sink.js'
import { readCorpus, saveInput } from './corpus.js'
import { Coverage } from './coverage.js'
import { mutate } from './mutate.js'
import type { TargetName } from './targets.js'

// Created before lib/ is loaded: V8 counts the blocks of the code that is compiled from now on.
const coverage = new Coverage()
const { TARGETS } = await import('./targets.js')

const USAGE = `Usage: npm run fuzz -- [--minutes N | --seconds N | --executions N] [--target NAME] [--seed N] [--save]

  --target      ${Object.keys(TARGETS).join(', ')}; all of them by default, each for an equal part of the time
  --seed        the seed of the random numbers; from the clock by default
  --save        adds the inputs that run new blocks to test/fuzz/corpus/
`

// The number of runs between two readings of the coverage, which take milliseconds. It grows while no new block runs.
const SMALLEST_BATCH = 128
const LARGEST_BATCH = 8_192
const LONGEST = 512

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    executions: { type: 'string' },
    target: { type: 'string' },
    seed: { type: 'string' },
    save: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})
const names = (Object.keys(TARGETS) as TargetName[]).filter((name) => values.target === undefined ||
  name === values.target)
const seconds = values.minutes !== undefined ? 60 * Number(values.minutes) : Number(values.seconds ?? 30)
const executions = Number(values.executions ?? Infinity)
const seed = Number(values.seed ?? Date.now() % 0x1_0000_0000)
if (values.help || names.length === 0 || !(seconds > 0) || !(executions > 0) || !Number.isInteger(seed)) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 2)
}
console.log(`seed ${seed}`)

let total = 0
for (const name of names) total += await fuzz(name)
coverage.stop()
console.log(`${total} executions, no failure`)

/** @returns the number of executions of the target */
async function fuzz (name: TargetName): Promise<number> {
  const run = (input: Buffer): void => {
    try {
      TARGETS[name](input)
    } catch (error) {
      console.error(`${name} failed, with the seed ${seed}. The input, in hex:\n${input.toString('hex')}`)
      console.error(error)
      process.exit(1)
    }
  }
  const random = createRandom(seed)
  const corpus = readCorpus(name)
  if (corpus.length === 0) corpus.push(Buffer.alloc(2))
  for (const input of corpus) run(input)
  coverage.take()
  const before = { inputs: corpus.length, blocks: coverage.size }
  const end = performance.now() + seconds * 1_000 / names.length
  const most = executions / names.length
  let count = corpus.length
  let size = SMALLEST_BATCH
  while (count < most && (values.executions !== undefined || performance.now() < end)) {
    const batch = Array.from(
      { length: Math.min(size, most - count) },
      () => mutate(corpus[random(corpus.length)] as Buffer, corpus[random(corpus.length)] as Buffer, random, LONGEST)
    )
    for (const input of batch) run(input)
    // Scheduled work is done, and its memory is free, before the next batch.
    await new Promise((resolve) => { setImmediate(resolve) })
    count += batch.length
    const fresh = coverage.take()
    size = fresh.size === 0 ? Math.min(2 * size, LARGEST_BATCH) : SMALLEST_BATCH
    for (const input of coverage.pick(batch, run, fresh)) {
      corpus.push(input)
      if (values.save) saveInput(name, input)
    }
  }
  console.log(
    `${name}: ${count} executions, from ${before.inputs} inputs and ${before.blocks} blocks to ${corpus.length} and ${coverage.size}`
  )
  return count
}
