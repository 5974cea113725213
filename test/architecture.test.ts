import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findCircles, layerOf, LAYERS, layerRows } from './fixtures/layers.js'
// @ts-expect-error -- JavaScript, which tap loads
import coverageMap from '../coverage-map.js'

const answersFor = coverageMap as (test: string) => string[] | null

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const SANS_IO = ['lib/handshake/', 'lib/protocol/', 'lib/deflate/', 'lib/codec/']
const IO = /^((node:)?(net|http|https|http2|tls|stream|timers)(\/.*)?|lib\/timers\.ts)$/

interface Import {
  readonly from: string
  readonly to: string
  /** Whether it leaves no trace in what runs. */
  readonly isType: boolean
}

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

function filesIn (folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => join(folder, String(name)).replace(/\\/g, '/'))
    .filter((name) => /(?<!\.tst)\.m?ts$/.test(name))
}

const sources = ['index.ts', 'fastify-wire.ts', ...filesIn('types'), ...filesIn('client'), ...filesIn('lib')]

/** All imports of a file: of values, of types, and those within types, `import('…')`. */
function importsOf (file: string): Import[] {
  const code = read(file).replace(/^\s*(\/\/|\/?\*).*$/gm, '')
  const statements = Array.from(code.matchAll(/^(?:import|export) (type )?(?:[^'"]*? from )?'([^']+)'/gm))
  const others = Array.from(code.matchAll(/\bimport()\(\s*'([^']+)'/g))
  return [...statements, ...others].map(([, type, specifier]) => ({
    from: file, to: target(file, specifier!), isType: type !== undefined
  }))
}

function target (file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  return relative(ROOT, join(ROOT, dirname(file), specifier)).replace(/\\/g, '/').replace(/\.(m?)js$/, '.$1ts')
}

const imports = sources.flatMap(importsOf)
const isOurs = (path: string): boolean => /\.m?ts$/.test(path)

t.test('every file has a layer, and every layer has files', async (t) => {
  t.same(sources.filter((file) => layerOf(file) < 0), [])
  for (const [i, { paths }] of LAYERS.entries()) {
    t.ok(sources.some((file) => layerOf(file) === i), `${paths.join(', ')} exists`)
  }
})

t.test('imports run downwards, those of types too', async (t) => {
  t.ok(imports.length > 50)
  t.same(imports.filter(({ from, to }) => isOurs(to) && layerOf(to) < layerOf(from)), [])
})

t.test('no files import each other in a circle', async (t) => {
  const graph = new Map(sources.map((file) => [
    file, imports.filter(({ from }) => from === file).map(({ to }) => to).filter(isOurs)
  ]))
  t.same(findCircles(graph), [])
})

t.test('a circular import is found', async (t) => {
  const graph = new Map([['a', ['b']], ['b', ['c', 'd']], ['c', ['a']], ['d', []], ['e', ['a']]])
  t.same(findCircles(graph), [['a', 'b', 'c']])
})

t.test('handshakes, protocols, compression and the codec know no stream, server or timer', async (t) => {
  const ofSansIo = imports.filter(({ from, isType }) => !isType && from !== 'lib/deflate/pool.ts' &&
    SANS_IO.some((layer) => from.startsWith(layer)))
  t.ok(ofSansIo.length > 0)
  t.same(ofSansIo.filter(({ to }) => IO.test(to)), [])
})

t.test('engines import no sockets', async (t) => {
  const ofEngines = imports.filter(({ from }) => from.startsWith('lib/engine/'))
  t.ok(ofEngines.length > 0)
  t.same(ofEngines.filter(({ to }) => /^lib\/(?!engine\/|errors\.ts|timers\.ts|try-log\.ts)/.test(to)), [])
})

t.test('every file of lib/ has a responsible test, unless it contains only types', async (t) => {
  const tests = readdirSync(join(ROOT, 'test'), { recursive: true }).map((name) => join('test', String(name)))
  const answered = new Set(tests.filter((name) => name.endsWith('.test.ts')).flatMap((name) => answersFor(name) ?? []))
  const withCode = sources.filter((file) => file.startsWith('lib/') &&
    /^(export )?(default )?(async |abstract )*(function|class|const|let) /m.test(read(file)))
  t.ok(withCode.length > 50)
  t.same(withCode.filter((file) => !answered.has(file)), [])
})

t.test('no WebSocket library is imported', async (t) => {
  t.same(imports.filter(({ to }) => /^(ws|undici|websocket-driver|faye-websocket|uWebSockets\.js)$/.test(to)), [])
})

t.test('the client imports only the frames of topics from the server, which import nothing', async (t) => {
  const ofClient = imports.filter(({ from }) => from.startsWith('client/'))
  t.ok(ofClient.length > 0)
  for (const { from, to } of ofClient) t.match(to, /^(client\/[\w-]+\.mts|lib\/topics\/frames\.ts)$/, from)
  t.same(importsOf('lib/topics/frames.ts'), [])
})

t.test('the table of AGENTS.md lists the layers', async (t) => {
  const table = read('AGENTS.md').split('## Layers')[1]!.split('\n## ')[0]!.split('\n').filter((line) =>
    line.startsWith('| `'))
  t.same(table, layerRows())
})
