import { createRequire } from 'node:module'
import t from 'tap'
import { converseAsBrowser, type BrowserSocket } from '../fixtures/browser-api.js'

type ClientConstructor = new (url: string, protocols: string[]) => BrowserSocket
const { Client } = createRequire(import.meta.url)('faye-websocket') as { Client: ClientConstructor }

t.test('faye-websocket, over websocket-driver, exchanges messages', async (t) => {
  await converseAsBrowser(t, (url, protocols) => {
    const client = new Client(url, protocols)
    // It gives and takes Buffers only.
    const { send } = client
    client.send = function (data) { send.call(this, typeof data === 'string' ? data : Buffer.from(data) as never) }
    return client
  })
})
