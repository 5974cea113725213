// `npm run mutants`: applies each mutant to a copy of the project, and runs the test that must fail.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MUTANTS } from './mutants.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const NOT_COPIED = new Set(['node_modules', '.git', 'dist', '.tap', 'coverage'])
const TIMEOUT = 120_000

const chosen = MUTANTS.filter(({ name }) => process.argv.slice(2).every((word) => name.includes(word)))
const copy = mkdtempSync(join(tmpdir(), 'fastify-wire-mutants-'))

/**
 * Runs a test in the copy until its first failure. @returns whether it passes. Only SIGKILL ends a mutant that loops
 *   forever.
 */
function passes (test: string): boolean {
  const { status } = spawnSync(process.execPath, [
    '--import', './test/loader/register.js', '--import', '@tapjs/mock/import', test
  ], { cwd: copy, stdio: 'ignore', env: { ...process.env, TAP_BAIL: '1' }, timeout: TIMEOUT, killSignal: 'SIGKILL' })
  return status === 0
}

let failures = 0
try {
  cpSync(ROOT, copy, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  for (const test of new Set(chosen.map(({ test }) => test))) {
    if (passes(test)) continue
    failures++
    console.log(`fails without a mutant: ${test}`)
  }
  for (const { name, file, from, to, test } of chosen) {
    const path = join(copy, file)
    const source = readFileSync(path, 'utf8')
    if (source.split(from).length !== 2) {
      failures++
      console.log(`does not occur exactly once in ${file}: ${name}`)
      continue
    }
    writeFileSync(path, source.replace(from, () => to))
    const survives = passes(test)
    writeFileSync(path, source)
    if (survives) failures++
    console.log(`${survives ? 'SURVIVES' : 'killed'}: ${name} (${test})`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${chosen.length} mutants, ${failures} failures`)
process.exitCode = failures > 0 || chosen.length === 0 ? 1 : 0
