import t from 'tap'
import { WebSocket } from 'undici'
import { converseAsBrowser, type BrowserSocket } from '../fixtures/browser-api.js'

t.test('undici holds a conversation', async (t) => {
  await converseAsBrowser(t, (url, protocols) => new WebSocket(url, protocols) as BrowserSocket)
})
