import { existsSync, readdirSync } from 'node:fs'
import t from 'tap'
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
  for (const name of Object.keys(PROCESSES as object)) {
    t.ok(existsSync(new URL(`processes/${name}.test.ts`, TEST)), name)
  }
})
