import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

// From the top down. A file belongs to the first entry that its path begins with; imports run downwards, or within one entry.
const LAYERS = [
  'index', 'fastify-wire', 'lib/plugin', 'lib/decorators', 'lib/early', 'lib/dropin', 'lib/routes', 'lib/accept', 'lib/refusals', 'lib/owner', 'lib/admission.', 'lib/upgrade/', 'lib/options', 'lib/schema', 'lib/connection-limits', 'lib/closing', 'lib/topics/', 'lib/server', 'lib/refusal-log', 'lib/metrics', 'lib/ws-errors', 'lib/try-log', 'lib/socket/', 'lib/diagnostics', 'lib/transport/', 'lib/protocol/', 'lib/codec/', 'lib/handshake/', 'lib/engine/', 'lib/fastify-slots', 'lib/errors', 'lib/timers'
]

const SANS_IO = ['lib/handshake/', 'lib/protocol/', 'lib/codec/']
const IO = /^(node:)?(net|http|https|http2|tls|stream|timers)(\/|$)/

interface Import {
  readonly from: string
  readonly to: string
  readonly isType: boolean
}

const sources = ['index.ts', 'fastify-wire.ts', ...readdirSync(join(ROOT, 'lib'), { recursive: true }).map((name) => join('lib', String(name))).filter((name) => name.endsWith('.ts'))]

function importsOf (file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return Array.from(text.matchAll(/^(?:import|export) (type )?(?:[^'"]*? from )?'([^']+)'/gm), ([, type, specifier]) => ({
    from: file,
    to: specifier!.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), specifier!)).replace(/\.js$/, '.ts') : specifier!,
    isType: type !== undefined
  }))
}

const layerOf = (file: string): number => LAYERS.findIndex((layer) => file.startsWith(layer))
const imports = sources.flatMap(importsOf)

t.test('imports run downwards', async (t) => {
  t.ok(imports.length > 50)
  for (const { from, to, isType } of imports) {
    // A type leaves no trace in what runs.
    if (!to.endsWith('.ts') || to.startsWith('types/') || isType) continue
    t.ok(layerOf(from) >= 0 && layerOf(to) >= layerOf(from), `${from} may import ${to}`)
  }
})

t.test('handshakes, protocols and the codec know no stream, server or timer', async (t) => {
  for (const { from, to, isType } of imports) {
    if (!isType && SANS_IO.some((layer) => from.startsWith(layer))) t.notMatch(to, IO, `${from} imports ${to}`)
  }
})

t.test('every file of lib/ has a test of its own, unless it holds types only', async (t) => {
  for (const file of sources) {
    if (!file.startsWith('lib/')) continue
    const hasCode = /^(export )?(async )?(function|class|const|let) /m.test(readFileSync(join(ROOT, file), 'utf8'))
    if (hasCode) t.ok(existsSync(join(ROOT, file.replace(/^lib/, 'test').replace(/\.ts$/, '.test.ts'))), file)
  }
})

t.test('no WebSocket library is imported', async (t) => {
  for (const { from, to } of imports) t.notMatch(to, /^(ws|undici|websocket-driver|faye-websocket|uWebSockets\.js)$/, from)
})

t.test('the client imports nothing of the server but the frames, which import nothing', async (t) => {
  const client = readdirSync(join(ROOT, 'client')).filter((name) => name.endsWith('.mts')).flatMap((name) => importsOf(join('client', name)))
  t.ok(client.length > 0)
  for (const { from, to } of client) t.match(to, /^(client\/[\w-]+\.mjs|lib\/topics\/frames\.ts)$/, from)
  t.same(importsOf('lib/topics/frames.ts'), [])
})
