import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

const TEST = new URL('./', import.meta.url)

t.test('every folder of tests is run: file by file, or in one process', async (t) => {
  const included = /test\/\{(.+)\}\//.exec(readFileSync(new URL('../.taprc', TEST), 'utf8'))?.[1]?.split(',') ?? []
  const folders = readdirSync(TEST, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  for (const name of folders) {
    if (!readdirSync(new URL(name, TEST), { recursive: true }).some((file) => String(file).endsWith('.test.ts'))) continue
    t.not(included.includes(name), existsSync(new URL(`folders/${name}.test.ts`, TEST)), `${name} is either in .taprc or in test/folders/`)
  }
})
