import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { MUTANTS } from './mutants/mutants.js'
// @ts-expect-error -- JavaScript, which the configuration of tap loads
import { filesOf, PROCESSES } from './processes.js'

const TEST = new URL('./', import.meta.url)

t.test('every test file runs in one process', async (t) => {
  const files = readdirSync(TEST, { recursive: true }).map((name) => `test/${String(name).replace(/\\/g, '/')}`)
    .filter((name) => name.endsWith('.test.ts') && !name.startsWith('test/processes/'))
  const run = Object.keys(PROCESSES as object).flatMap(filesOf as (name: string) => string[])
  t.ok(files.length > 100)
  t.same(run.sort(), files.sort())
})

t.test('every process is started', async (t) => {
  const names = Object.keys(PROCESSES as object)
  for (const name of names.filter((name) => name !== 'types')) {
    t.ok(existsSync(new URL(`processes/${name}.test.ts`, TEST)), name)
  }
  t.ok(names.includes('types'))
  t.ok(existsSync(new URL('processes/types.ts', TEST)))
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', TEST), 'utf8')) as {
    scripts: Record<'types', string>
  }
  t.match(scripts.types, / && npm run --silent test:file -- test\/processes\/types\.ts$/)
  t.match(readFileSync(new URL('../.ci/run', TEST), 'utf8'), /^npm run types$/m)
})

t.test('the code that each mutant replaces exists once', async (t) => {
  for (const { name, file, from, test } of MUTANTS) {
    t.equal(readFileSync(new URL(`../${file}`, TEST), 'utf8').split(from).length - 1, 1, name)
    t.ok(existsSync(new URL(`../${test}`, TEST)), test)
  }
})
