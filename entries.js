// The code of the package is CommonJS, which every loader can read, those of test runners too. `import` gets thin
// modules over it: so there is one instance of it, however it is loaded. Part of `npm run build`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// The subpaths beside the plugin itself: where each comes from, and the function it exports.
const SUBPATHS = {
  memory: { from: 'lib/engine/memory', value: 'memoryEngine' },
  redis: { from: 'lib/engine/redis', value: 'redisEngine' },
  nats: { from: 'lib/engine/nats', value: 'natsEngine' },
  'engine-test': { from: 'test/engine/contract', value: 'engineContract' }
}

export function writeEntries (dist) {
  const write = (name, text) => { writeFileSync(join(dist, name), text) }
  mkdirSync(join(dist, 'cjs'), { recursive: true })
  write('cjs/package.json', '{ "type": "commonjs" }\n')
  write('cjs/require.cjs', "module.exports = require('./index.js').fastifyWire\n")
  write('index.js', `import fastifyWire from './cjs/require.cjs'
export { fastifyWire as default, fastifyWire, fastifyWire as fastifyWebsocket }
`)
  for (const [name, { from, value }] of Object.entries(SUBPATHS)) {
    write(`cjs/${name}.cjs`, `module.exports = require('./${from}.js')\n`)
    write(`${name}.js`, `import all from './cjs/${name}.cjs'\nexport const { ${value} } = all\n`)
    write(`${name}.d.ts`, `export * from './${from}.js'\n`)
    write(`${name}.d.cts`, `import type * as all from './${from}.js' with { 'resolution-mode': 'import' }
export type * from './${from}.js' with { 'resolution-mode': 'import' }
export declare const ${value}: typeof all.${value}
`)
  }
  mkdirSync(join(dist, 'client'), { recursive: true })
  write('client/live-socket.d.cts', `import type * as all from './live-socket.mjs' with { 'resolution-mode': 'import' }
export type * from './live-socket.mjs' with { 'resolution-mode': 'import' }
export type LiveSocket = all.LiveSocket
export declare const LiveSocket: typeof all.LiveSocket
export declare const LIVE_PROTOCOL: typeof all.LIVE_PROTOCOL
`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeEntries(fileURLToPath(new URL('dist', import.meta.url)))
