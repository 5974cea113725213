import { join } from 'node:path'
import commonjs from '@rollup/plugin-commonjs'
import json from '@rollup/plugin-json'
import nodeResolve from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { rollup, type Plugin } from 'rollup'
import t from 'tap'
import { CONVERSATION, installPackage, run } from '../fixtures/package.js'

const APP = `
import { fastify } from 'fastify'
import fastifyWire from 'fastify-wire'
import { WebSocket } from 'ws'
${CONVERSATION}
console.log(text, bytes.join())`

// Their types say that the default export is a namespace.
const [resolve, convert, readJson] = [nodeResolve, commonjs, json] as unknown as Array<(options?: object) => Plugin>

const FORMATS = { esm: APP, cjs: APP.replace(CONVERSATION, `;(async () => {${CONVERSATION}`) + '\n})()' } as const

for (const [format, source] of Object.entries(FORMATS) as Array<['esm' | 'cjs', string]>) {
  t.test(`esbuild: an application in one file of ${format} has its sockets`, async (t) => {
    // A package of its own: in ours the name would mean what was built.
    const directory = t.testdir({ 'app.js': source, 'package.json': '{}' })
    await installPackage(directory)
    const outfile = join(directory, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs')
    const banner = format === 'esm'
      ? { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" }
      : {}
    await build({
      entryPoints: [join(directory, 'app.js')],
      bundle: true,
      platform: 'node',
      format,
      banner,
      outfile,
      logLevel: 'silent'
    })
    const { passed, output } = await run(directory, outfile)
    t.ok(passed && output.includes('text 1,2,3'), output)
  })
}

t.test('rollup: an application in one file has its sockets', async (t) => {
  const directory = t.testdir({ 'app.js': APP, 'package.json': '{ "type": "module" }' })
  await installPackage(directory)
  const bundle = await rollup({
    input: join(directory, 'app.js'),
    // Ours is what this is about, with what it depends on: Fastify and ws take most of the time.
    external: ['fastify', 'ws'],
    plugins: [resolve?.({ preferBuiltins: true, exportConditions: ['node'] }), convert?.(), readJson?.()],
    logLevel: 'silent'
  })
  await bundle.write({ file: join(directory, 'bundle.js'), format: 'es', inlineDynamicImports: true })
  await bundle.close()
  const { passed, output } = await run(directory, 'bundle.js')
  t.ok(passed && output.includes('text 1,2,3'), output)
})
