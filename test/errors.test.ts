import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import * as errors from '../lib/errors.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

type AnyError = new (...words: unknown[]) => Error & { code: string }

const table = Object.entries(errors) as unknown as Array<[name: string, Constructor: AnyError]>
const create = (Constructor: AnyError) => new Constructor('a', 'b', 'c')
const codes = new Set(table.map(([, Constructor]) => create(Constructor).code))

t.test('every error has a code and a message', async (t) => {
  t.ok(table.length > 50)
  t.same(table.filter(([, Constructor]) => {
    const error = create(Constructor)
    return !(error instanceof Error && error instanceof Constructor && /^FST_WIRE_[A-Z0-9_]+$/.test(error.code) &&
      error.message.includes(' '))
  }).map(([name]) => name), [])
})

t.test('no two errors have the same code', async (t) => {
  const all = table.map(([, Constructor]) => create(Constructor).code)
  t.same(all.filter((code, at) => all.indexOf(code) !== at), [])
})

t.test('every code in the sources and the documentation is the code of an error', async (t) => {
  const files = ['README.md', ...['lib', 'docs', 'examples', 'types'].flatMap((folder) => {
    return readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, String(name)))
  })].filter((name) => /\.(ts|md)$/.test(name))
  t.ok(files.length > 100)
  for (const file of files) {
    for (const [code] of readFileSync(join(ROOT, file), 'utf8').matchAll(/\bFST_WIRE_[A-Z0-9_]*[A-Z0-9]\b/g)) {
      t.ok(codes.has(code), `${code} in ${file}`)
    }
  }
})
