// Checks that the code, tests and cases that docs/conformance.md names exist.
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { catalogue } from './catalogue.js'
import { HIXIE } from './hixie.js'

const ROOT = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/conformance.md', ROOT), 'utf8')
const rows = page.split('\n').filter((line) => /^\| (RFC|§|hixie|hybi)/.test(line)).map((line) =>
  line.split(' | ') as [string, string, string, string])

t.test('docs/conformance.md names files that exist', async (t) => {
  const paths = Array.from(page.matchAll(/`((?:lib|test|client)\/[\w./-]+)`/g), ([, path]) => path as string)
  t.ok(paths.length > 60)
  for (const path of paths) t.ok(existsSync(new URL(path, ROOT)), path)
})

t.test('docs/conformance.md names tests that exist, after the file that contains them', async (t) => {
  t.ok(rows.length > 35)
  for (const [section, , , tests] of rows) {
    for (const part of tests.split(/;\s*/)) {
      const path = /`(test\/[^`]+)`/.exec(part)?.[1]
      for (const [, name] of part.matchAll(/"([^"]+)"/g)) {
        t.ok(
          path !== undefined && readFileSync(new URL(path, ROOT), 'utf8').includes(`'${name as string}'`),
          `${section}: ${name as string}`
        )
      }
    }
  }
})

t.test('docs/conformance.md names cases that exist', async (t) => {
  const ids = new Set([...catalogue(1), ...HIXIE].map(({ id }) => id))
  const named = rows.flatMap(([, , , tests]) => Array.from(
    tests.replace(/"[^"]*"/g, '').matchAll(/(?<![\w.§-])(H7[56]\.\d+\.\d+|\d+\.\d+(?:\.\d+)?)(?![\w.]*\w)/g),
    ([, id]) => id as string
  ))
  t.ok(named.length > 50)
  for (const id of named) t.ok(ids.has(id), id)
})
