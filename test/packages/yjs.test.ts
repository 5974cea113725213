import { createRequire } from 'node:module'
import { Hocuspocus } from '@hocuspocus/server'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import { Doc } from 'yjs'
import { createApp, listen } from '../fixtures/app.js'

const { setupWSConnection, docs } = createRequire(import.meta.url)('y-websocket/bin/utils') as {
  setupWSConnection (socket: WebSocket, request: object, options: { docName: string }): void
  docs: Map<string, Doc>
}

const Client = WebSocket as unknown as typeof globalThis.WebSocket

/** Waits until a document holds a text. */
function holds (doc: Doc, text: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => { if (doc.getText('t').toString() === text) resolve() }
    doc.on('update', look)
    look()
  })
}

/** Both write at once, each before it has seen the other; both end with the same. */
async function converge (t: Test, one: Doc, two: Doc): Promise<void> {
  one.getText('t').insert(0, 'hello ')
  await holds(two, 'hello ')
  two.getText('t').insert(6, 'world')
  await holds(one, 'hello world')
  one.getText('t').insert(0, 'A')
  two.getText('t').insert(11, 'B')
  await Promise.all([holds(one, 'Ahello worldB'), holds(two, 'Ahello worldB')])
  const long = 'x'.repeat(100_000)
  two.getText('t').insert(0, long)
  await holds(one, `${long}Ahello worldB`)
  t.equal(one.getText('t').toString(), two.getText('t').toString())
}

t.test('y-websocket: two documents converge, and the server forgets them', async (t) => {
  const app = await createApp(t)
  app.get<{ Params: { room: string } }>('/:room', { websocket: true }, (socket, request) => {
    setupWSConnection(socket, request.raw, { docName: request.params.room })
  })
  const port = await listen(app)
  const documents = [new Doc(), new Doc()] as const
  const providers = documents.map((doc) => new WebsocketProvider(`ws://127.0.0.1:${port}`, 'room', doc, {
    WebSocketPolyfill: Client, disableBc: true
  }))
  await converge(t, ...documents)

  t.ok(docs.get('room')?.getText('t').toString().endsWith('Ahello worldB'))
  const gone = Array.from(
    app.websocketServer.clients, (socket) => new Promise((resolve) => { socket.on('close', resolve) })
  )
  t.equal(gone.length, 2)
  for (const provider of providers) provider.destroy()
  await Promise.all(gone)
  // Their awareness has a timer each.
  for (const doc of [...documents, docs.get('room')]) doc?.destroy()
})

t.test('Hocuspocus: two documents converge, and a client without the token is refused', async (t) => {
  const app = await createApp(t)
  const hocuspocus = new Hocuspocus({
    quiet: true,
    onAuthenticate: async ({ token }) => { if (token !== 'secret') throw new Error('who?') }
  })
  app.ws('/collaboration', (socket, request) => { hocuspocus.handleConnection(socket, request.raw) })
  const url = `ws://127.0.0.1:${await listen(app)}/collaboration`
  const connect = (document: Doc, token: string): HocuspocusProvider => {
    const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket })
    const provider = new HocuspocusProvider({ websocketProvider, name: 'room', document, token })
    provider.attach()
    t.teardown(() => {
      provider.destroy()
      websocketProvider.destroy()
    })
    return provider
  }
  const documents = [new Doc(), new Doc()] as const
  for (const document of documents) connect(document, 'secret')
  await converge(t, ...documents)
  t.equal(hocuspocus.getConnectionsCount(), 2)

  const stranger = connect(new Doc(), 'guess')
  await new Promise<void>((resolve) => { stranger.on('authenticationFailed', () => { resolve() }) })
  t.equal(hocuspocus.getConnectionsCount(), 2)
})
