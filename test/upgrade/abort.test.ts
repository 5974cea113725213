import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { abortRequest } from '../../lib/upgrade/abort.js'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient, upgradeHead } from '../fixtures/client.js'
import { createHttp2App, Http2Client, listenHttp2 } from '../fixtures/http2.js'

t.test('a request emits aborted and close once when its client leaves', (t) => {
  const request = new EventEmitter() as IncomingMessage
  const events: string[] = []
  for (const name of ['aborted', 'close']) request.on(name, () => { events.push(name) })
  abortRequest(request)
  abortRequest(request)
  t.same(events, ['aborted', 'close'])
  t.equal(request.aborted, true)
  t.end()
})

for (const version of ['HTTP/1.1', 'HTTP/2']) {
  t.test(`over ${version} request.signal and onRequestAbort notify a hook that the client has left`, async (t) => {
    const app = version === 'HTTP/1.1' ? await createApp(t) : await createHttp2App(t)
    const events: string[] = []
    let enter = (): void => {}
    let leave = (): void => {}
    let entered = new Promise<void>((resolve) => { enter = resolve })
    let left = new Promise<void>((resolve) => { leave = resolve })
    app.addHook('onRequestAbort', async (_request) => { events.push('onRequestAbort') })
    app.ws('/demo', {
      preHandler: async (request, reply) => {
        enter()
        await new Promise<void>((resolve) => { request.signal.addEventListener('abort', () => { resolve() }) })
        events.push('signal')
        leave()
        return reply.code(403).send()
      }
    }, () => { t.fail('no socket') })
    const again = (): void => {
      entered = new Promise<void>((resolve) => { enter = resolve })
      left = new Promise<void>((resolve) => { leave = resolve })
    }
    if (version === 'HTTP/1.1') {
      const port = await listen(app)
      for (const how of ['end', 'resetAndDestroy'] as const) {
        const client = new RawClient(t, port)
        client.write(upgradeHead())
        await entered
        client.socket[how]()
        await left
        again()
      }
      t.equal(events.filter((name) => name === 'signal').length, 2)
    } else {
      const client = await Http2Client.connect(t, await listenHttp2(app))
      const stream = client.request('/demo')
      await entered
      stream.close(8)
      await left
    }
    t.ok(events.includes('onRequestAbort') && events.includes('signal'))
  })
}
