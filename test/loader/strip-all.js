// Strips all files in one process, so that the processes of the tests do not load the compiler.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stripped } from './stripped.js'

const ROOT = new URL('../../', import.meta.url)

for (const folder of ['.', 'lib', 'types', 'bench', 'client', 'examples', 'test']) {
  for (const name of readdirSync(new URL(folder, ROOT), { recursive: folder !== '.' })) {
    if (!/(?<!\.d)\.m?ts$/.test(name)) continue
    const path = fileURLToPath(new URL(`${folder}/${name}`, ROOT))
    stripped(readFileSync(path, 'utf8'), path)
  }
}
