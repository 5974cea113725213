import { compileFunction } from 'node:vm'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { minifySync } from 'vite'
import { bundleClient } from '../fixtures/client-bundle.js'

t.test('the client is one ES module without imports, of at most 3 KiB minified and gzipped', async (t) => {
  const code = (await bundleClient()).get('live-socket.mjs')!
  t.notMatch(code, /^import /m)
  t.match(code, /export \{ LIVE_PROTOCOL, LiveSocket \}/)
  const minified = minifySync('live-socket.mjs', code, { module: true }).code
  const size = gzipSync(minified).length
  t.ok(size <= 3 * 1024, `${size} bytes`)
})

t.test('the client is one file of CommonJS as well, with the same exports', async (t) => {
  const code = (await bundleClient()).get('live-socket.cjs')!
  t.notMatch(code, /require\(/)
  const module = { exports: {} as Record<string, unknown> }
  compileFunction(code, ['module', 'exports'])(module, module.exports)
  t.same(Object.keys(module.exports).sort(), ['LIVE_PROTOCOL', 'LiveSocket'])
  t.type(module.exports['LiveSocket'], 'function')
})
