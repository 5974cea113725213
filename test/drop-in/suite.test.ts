// Runs the suite that @fastify/websocket ships in its package, with its own plugin replaced by this one.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { writeBundle } from '../fixtures/processes.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SUITE = join(dirname(createRequire(import.meta.url).resolve('@fastify/websocket')), 'test')

/** The tests that ask for what this plugin does differently on purpose; each stands in docs/migrating.md. */
const DIFFERENT = new Map([
  ['Should close on unregistered path (with no wildcard route websocket handler defined)',
    'An upgrade to a resource without a socket is answered 404, not opened and closed.'],
  ['Should close the connection if a non-websocket route with path exists',
    'The same, where the resource is more specific than a socket at a wildcard.'],
  ['Should not run preSerialization/onSend hooks',
    'The onSend hooks run, because the headers and cookies that they set belong on the 101.']
])

interface Outcome {
  readonly passed: boolean
  readonly output: string
  readonly count: number
}

function run (entry: string, file: string, skipped: Iterable<string>, options: string[] = []): Promise<Outcome> {
  // Without --test, which would start another process for the file.
  const command = [
    ...options, '--test-reporter=tap', '--require', join(ROOT, 'test/drop-in/redirect.cjs'), join(SUITE, file)
  ]
  // A clean environment: tap would have its loader and its coverage in there.
  const env = { PATH: process.env['PATH'], FASTIFY_WIRE: entry, FASTIFY_WIRE_SKIP: JSON.stringify([...skipped]) }
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env, cwd: ROOT }, (error, stdout, stderr) => {
      resolve({ passed: error === null, output: stdout + stderr, count: Number(/^# pass (\d+)$/m.exec(stdout)?.[1]) })
    })
  })
}

t.test('the suite of @fastify/websocket passes', async (t) => {
  const entry = await writeBundle(t.testdir(), 'index.ts')
  const files = readdirSync(SUITE).filter((name) => name.endsWith('.test.js'))
  t.ok(files.length >= 4)
  let passed = 0
  for (const file of files) {
    const { passed: good, output, count } = await run(entry, file, DIFFERENT.keys())
    t.ok(good, file, good ? {} : { output })
    passed += count
  }
  t.ok(passed >= 60, `${passed} tests passed`)

  for (const [name, reason] of DIFFERENT) {
    const file = files.find((candidate) => readFileSync(join(SUITE, candidate), 'utf8').includes(name))
    const pattern = `--test-name-pattern=^${name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$`
    const { passed } = await run(entry, file as string, [], [pattern])
    t.notOk(passed, `differs: ${name}. ${reason}`)
  }
})
