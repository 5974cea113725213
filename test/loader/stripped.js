// Returns the text of a TypeScript file with its types blanked out. Every character stays in its place, so coverage and
// stack traces need no source map. The result is cached under a hash of the original: each file is stripped once, even
// if many processes load it.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/stripped/', import.meta.url))
const VERSION = readFileSync(require.resolve('ts-blank-space/package.json'))

export function stripped (text, path) {
  const file = join(CACHE, `${createHash('sha1').update(VERSION).update(text).digest('hex')}.js`)
  try {
    return readFileSync(file, 'utf8')
  } catch {
    const result = strip(text, path)
    mkdirSync(CACHE, { recursive: true })
    // Other processes may be writing the same file.
    const temporary = `${file}.${process.pid}`
    writeFileSync(temporary, result)
    renameSync(temporary, file)
    return result
  }
}

function strip (text, path) {
  // Loaded only here, because it loads the compiler, which takes longer than most tests.
  const { default: blankSpace } = require('ts-blank-space')
  return blankSpace(text, (node) => {
    const line = text.slice(0, node.end).split('\n').length
    throw new SyntaxError(
      `${path}:${line} cannot be stripped: use syntax that leaves nothing behind when its types are erased`
    )
  })
}
