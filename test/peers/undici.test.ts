import t from 'tap'
import { Agent, WebSocket } from 'undici'
import { converseAsBrowser, type BrowserSocket } from '../fixtures/browser-api.js'
import { echoRoute } from '../fixtures/echo.js'
import { createHttp2App, listenHttp2 } from '../fixtures/http2.js'

t.test('undici exchanges messages', async (t) => {
  await converseAsBrowser(t, (url, protocols) => new WebSocket(url, protocols) as BrowserSocket)
})

t.test('undici exchanges messages over HTTP/2', async (t) => {
  const versions: string[] = []
  const app = await createHttp2App(t, { perMessageDeflate: true }, { secure: true })
  app.addHook('onRequest', async ({ raw }) => { versions.push(raw.httpVersion) })
  echoRoute(app)
  const origin = await listenHttp2(app)
  const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } })
  t.teardown(() => dispatcher.destroy())
  await converseAsBrowser(
    t,
    (_url, protocols) => new WebSocket(
      `${origin.replace('https', 'wss')}/echo`, { protocols, dispatcher }
    ) as BrowserSocket
  )
  t.same(versions, ['2.0'])
})
