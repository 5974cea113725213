import t from 'tap'
import { withFirstHook } from '../../lib/routes/prepare-route.js'
import { createApp } from '../fixtures/app.js'

t.test('the handshake check precedes the onRequest hooks of a route, in whatever form these are given', async (t) => {
  const first = (): void => {}
  const own = async (): Promise<void> => {}
  t.same(withFirstHook(first, {}), [first])
  t.same(withFirstHook(first, { onRequest: own }), [first, own])
  t.same(withFirstHook(first, { onRequest: [own, own] }), [first, own, own])
})

t.test('each way to declare a route opens sockets after its hooks, and reads messages by its schema', async (t) => {
  const app = await createApp(t)
  const schema = { message: { type: 'object', required: ['x'] } }
  const hooks: string[] = []
  const onRequest = async (): Promise<void> => { hooks.push('onRequest') }
  app.ws('/own', { schema, onRequest }, (socket) => { socket.on('message', (value) => { socket.send(typeof value) }) })
  app.get('/shared', { schema, onRequest, websocket: true } as object, ((socket: { on: Function, send: Function }) => {
    socket.on('message', (value: unknown) => { socket.send(typeof value) })
  }) as never)
  for (const url of ['/own', '/shared']) {
    const client = await app.injectWS(url)
    const answer = new Promise((resolve) => { client.once('message', (data) => { resolve(String(data)) }) })
    client.send('{"x":1}')
    t.equal(await answer, 'object', url)
    client.terminate()
  }
  t.same(hooks, ['onRequest', 'onRequest'])
})

t.test('each way to declare a route serializes published messages by its schema', async (t) => {
  const app = await createApp(t)
  const schema = { send: { type: 'object', properties: { x: { type: 'integer' } } } }
  app.ws('/own', { schema, topic: true }, () => {})
  app.get('/shared', { schema, topic: true, websocket: true } as object, () => {})
  await app.ready()
  for (const url of ['/own', '/shared']) {
    const texts: string[] = []
    await app.topics.subscribe(url, (data) => { texts.push(String(data)) })
    await app.topics.publish(url, { x: 1, y: 2 })
    t.same(texts, ['{"x":1}'], url)
  }
})
