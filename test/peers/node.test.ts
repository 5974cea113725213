import t from 'tap'
import { converseAsBrowser, type BrowserSocket } from '../fixtures/browser-api.js'

type Native = new (url: string, protocols: string[]) => BrowserSocket
const { WebSocket } = globalThis as { WebSocket?: Native }

t.test('the WebSocket of Node exchanges messages', {
  skip: WebSocket === undefined && 'this Node has none: run with Node 22 or later'
}, async (t) => {
  await converseAsBrowser(t, (url, protocols) => new (WebSocket as Native)(url, protocols))
})
