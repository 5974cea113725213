// The declarations of the package as an application sees them: from node_modules, and not from the sources.
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

const APPLICATIONS = {
  'app.ws, websocketServer and injectWS are on the instance': `
    import fastify from 'fastify'
    import fastifyWire, { type WireSocket } from 'fastify-wire'
    const app = fastify()
    await app.register(fastifyWire)
    app.ws('/demo', (socket) => { socket.send(socket.version) })
    app.get('/drop-in', { websocket: true }, (socket, request) => { socket.send(request.ws ? 'yes' : 'no') })
    export const count: number = app.websocketServer.broadcast('all')
    export const client: WireSocket = await app.injectWS('/demo')`,
  'the handler of graphql-ws fits both ways to a socket, with the types of @fastify/websocket in the program': `
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
}

/** Writes the declarations to where an application has them; all else it finds in ours, further up. */
function install (directory: string): void {
  const root = join(directory, 'node_modules', 'fastify-wire')
  ts.createProgram([join(ROOT, 'index.ts')], {
    ...OPTIONS, declaration: true, emitDeclarationOnly: true, noCheck: true, rootDir: ROOT, outDir: join(root, 'dist')
  }).emit()
  copyFileSync(join(ROOT, 'package.json'), join(root, 'package.json'))
}

function faultsOf (file: string): string[] {
  const program = ts.createProgram([file], { ...OPTIONS, noEmit: true })
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}

t.test('the declarations of the package', { timeout: 60_000 }, async (t) => {
  const directory = t.testdir({ 'package.json': '{ "type": "module" }' })
  install(directory)
  for (const [i, [what, source]] of Object.entries(APPLICATIONS).entries()) {
    const file = join(directory, `${i}.ts`)
    writeFileSync(file, source)
    t.same(faultsOf(file), [], what)
  }
  const wrong = join(directory, 'wrong.ts')
  writeFileSync(wrong, "import fastify from 'fastify'\nimport 'fastify-wire'\nfastify().ws('/demo', 'no handler')")
  t.match(faultsOf(wrong).join('\n'), /not assignable to parameter|No overload/, 'what is wrong is found')
})
