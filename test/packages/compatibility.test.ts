import { readFileSync } from 'node:fs'
import t from 'tap'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const versionOf = (name: string): string =>
  (JSON.parse(read(`node_modules/${name}/package.json`)) as { version: string }).version

/** What a caret lets change: 11.2.0 is told by 11, 0.21.2 by 0.21. */
const series = (version: string): string => (/^(0\.\d+|\d+)\./.exec(version)?.[1]) as string

const rows = read('docs/compatibility.md').split('\n')
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))
  .filter(([, version]) => /^\d/.test(version ?? ''))
  // A product may be written with a capital, its package is not.
  .map(([name, version, , , test]) =>
    [name?.toLowerCase(), version, test] as [name: string, version: string, test: string])

t.test('the table of compatibility lists the tested versions', async (t) => {
  t.equal(rows.length, 26)
  for (const [name, version] of rows) t.equal(series(version), series(versionOf(name)), name)
})

t.test('each package of the table is loaded by its test', async (t) => {
  for (const [name, , test] of rows) {
    t.match(read(`test/packages/${test.replaceAll('`', '')}`), new RegExp(`'${name}(/[^']*)?'|^ +${name}:`, 'm'), name)
  }
})
