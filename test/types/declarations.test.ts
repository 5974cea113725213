// The declarations of the package as an application sees them: from node_modules, and not from the sources.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2024.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  types: ['node'],
  strict: true,
  skipLibCheck: true
}

const APP = `
  import fastify from 'fastify'
  import fastifyWire, { type WireSocket } from 'fastify-wire'
  const app = fastify()
  await app.register(fastifyWire)
  app.ws('/demo', (socket) => { socket.send(socket.version) })
  app.get('/drop-in', { websocket: true }, (socket, request) => { socket.send(request.ws ? 'yes' : 'no') })
  export const count: number = app.websocketServer.broadcast('all')
  export const client: WireSocket = await app.injectWS('/demo')`

const OPTIONS_OF_WS = `
  import type { WebsocketPluginOptions } from 'fastify-wire'
  import type { ServerOptions } from 'ws'
  declare const options: NonNullable<WebsocketPluginOptions['options']>
  export const fits: ServerOptions = options
  export const plugin: WebsocketPluginOptions = { options: fits as Omit<ServerOptions, 'path'> }`

const GRAPHQL = `
  import fastify from 'fastify'
  import fastifyWire, { type WireServer, type WireSocket } from 'fastify-wire'
  import type { GraphQLSchema } from 'graphql'
  import { makeHandler } from 'graphql-ws/use/@fastify/websocket'
  import type { WebSocket } from 'ws'
  declare const schema: GraphQLSchema
  const app = fastify()
  await app.register(fastifyWire)
  app.get('/graphql', { websocket: true }, makeHandler({ schema }))
  app.ws('/graphql', makeHandler({ schema }))
  app.get('/drop-in', { websocket: true }, (socket) => { const fits: WebSocket = socket; fits.close() })
  app.ws('/demo', (socket) => { const ours: WireSocket = socket; ours.close() })
  export const count: number = (app.websocketServer as unknown as WireServer).broadcast('all')`

const ESM = `
  import fastify from 'fastify'
  import websocket, { fastifyWire, type WebSocket } from 'fastify-wire'
  const app = fastify()
  app.register(fastifyWire)
  export const sockets = new Set<WebSocket | websocket.WebSocket>()
  app.ws('/demo', { perMessageDeflate: true }, (socket) => { sockets.add(socket) })
  app.ws<{ Received: number, Data: { seat: number } }>('/seats', { schema: { message: {} } }, (socket) => {
    socket.data.seat = 7
    sockets.add(socket)
  })`

const COMMONJS = `
  import fastify = require('fastify')
  import websocket = require('fastify-wire')
  import { fastifyWire, type SchemaSocket } from 'fastify-wire'
  const app = fastify()
  app.register(websocket)
  app.register(websocket.fastifyWebsocket)
  app.register(fastifyWire, { maxPayload: 1 })
  const sockets = new Set<websocket.WebSocket | SchemaSocket<string>>()
  app.ws('/demo', (socket) => { sockets.add(socket) })
  app.get('/drop-in', { websocket: true }, (socket) => { sockets.add(socket) })`

const APPLICATIONS = { 'app.ts': APP, 'options.ts': OPTIONS_OF_WS, 'next.cts': COMMONJS }

const WRONG = "import fastify from 'fastify'\nimport 'fastify-wire'\nfastify().ws('/demo', 'no handler')"

/** Writes the declarations to where an application has them; all else it finds in ours, further up. */
function install (directory: string): ts.Program {
  const root = join(directory, 'node_modules', 'fastify-wire')
  const program = ts.createProgram([join(ROOT, 'index.ts'), join(ROOT, 'require.cts')], {
    ...OPTIONS, declaration: true, emitDeclarationOnly: true, noCheck: true, rootDir: ROOT, outDir: join(root, 'dist')
  })
  program.emit()
  copyFileSync(join(ROOT, 'package.json'), join(root, 'package.json'))
  return program
}

/** The faults of each source by its name and, where declarations are checked, of ours under ''. */
function faultsOf (
  directory: string, sources: Record<string, string>, options: ts.CompilerOptions = {}
): Record<string, string[]> {
  for (const [name, source] of Object.entries(sources)) writeFileSync(join(directory, name), source)
  const program = ts.createProgram(Object.keys(sources).map((name) => join(directory, name)), {
    ...OPTIONS, ...options, noEmit: true
  })
  const faults: Record<string, string[]> = {}
  for (const file of program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(directory))) {
    const name = basename(file.fileName)
    const found = ts.getPreEmitDiagnostics(
      program, file
    ).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
    const key = name in sources ? name : ''
    faults[key] = [...faults[key] ?? [], ...found]
  }
  return faults
}

t.test('the declarations of the package compile', async (t) => {
  const directory = t.testdir({ 'package.json': '{ "type": "module" }' })
  const program = install(directory)
  const { 'wrong.ts': wrong, ...faults } = faultsOf(directory, { ...APPLICATIONS, 'wrong.ts': WRONG })
  t.same(faults, { 'app.ts': [], 'options.ts': [], 'next.cts': [], '': [] }, 'an application compiles')
  t.match(wrong?.join('\n'), /not assignable to parameter|No overload/, 'what is wrong is found')
  t.same(
    faultsOf(directory, { 'graphql.ts': GRAPHQL }), { 'graphql.ts': [], '': [] },
    'the handler of graphql-ws fits both ways to a socket, with the types of @fastify/websocket in the program'
  )
  t.same(faultsOf(directory, { 'bundled.ts': ESM }, {
    module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, skipLibCheck: false
  }),
  { 'bundled.ts': [], '': [] }, 'a bundler may check them')
  t.same(faultsOf(directory, { 'sixteen.cts': COMMONJS }, {
    module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16, skipLibCheck: false
  }),
  { 'sixteen.cts': [], '': [] }, 'CommonJS of module: node16 has them, and may check them')

  const exportsOf = (file: string): string[] => {
    const checker = program.getTypeChecker()
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(ROOT, file)) as ts.SourceFile) as ts.Symbol
    return checker.getExportsOfModule(module).map(({ name }) => name)
  }
  const ofFunction = ['default', 'fastifyWire', 'fastifyWebsocket']
  const required = [...new Set([...exportsOf('require.cts'), ...ofFunction])].sort()
  t.same(required, exportsOf('index.ts').sort(), 'require() has every type that import has, and no other')
})

t.test('no declaration exports a quoted name, which compilers before TypeScript 5.6 cannot read', async (t) => {
  for (const file of ['index.ts', 'fastify-wire.ts']) {
    t.notMatch(readFileSync(join(ROOT, file), 'utf8'), /\bas ['"]/, file)
  }
})
