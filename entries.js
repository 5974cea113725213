// The code of the package is CommonJS, which every loader can read, those of test runners too. `import` gets a thin module over it:
// so there is one instance of it, however it is loaded. Part of `npm run build`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export function writeEntries (dist) {
  mkdirSync(join(dist, 'cjs'), { recursive: true })
  writeFileSync(join(dist, 'cjs', 'package.json'), '{ "type": "commonjs" }\n')
  writeFileSync(join(dist, 'index.js'), `import fastifyWire from './cjs/require.cjs'
export { fastifyWire as default, fastifyWire, fastifyWire as fastifyWebsocket }
`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeEntries(fileURLToPath(new URL('dist', import.meta.url)))
