import { once } from 'node:events'
import t, { type Test } from 'tap'
import Undici from 'undici'
import Ws from 'ws'
import { LIVE_PROTOCOL, LiveSocket, type LiveSocketOptions } from '../../client/live-socket.mjs'
import { createApp, listen } from '../fixtures/app.js'
import { LiveRoom } from '../fixtures/live-room.js'

const TOPIC = '/rooms/7'

const classes: Array<[string, LiveSocketOptions['WebSocket']]> = [
  ['ws', Ws], ['undici', Undici.WebSocket], ['this runtime', globalThis.WebSocket]
]

async function start (t: Test, room: LiveRoom, port = 0) {
  const app = await createApp(t)
  room.addRoute(app)
  app.ws('/echo', { protocols: ['chat'] }, (socket) => {
    socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
  })
  app.ws('/none', { protocols: [] }, (socket) => { socket.send('welcome') })
  app.ws('/any', { protocols: [LIVE_PROTOCOL] }, (socket) => {
    socket.on('message', (data) => { socket.send(data, { binary: false }) })
    socket.send('welcome')
  })
  app.ws('/refused', { preHandler: async (_request, reply) => { await reply.code(403).send({}) } }, () => {})
  if (port === 0) port = await listen(app)
  else await app.listen({ port, host: '127.0.0.1' })
  return { app, port }
}

for (const [name, WebSocket] of classes) {
  const options: LiveSocketOptions = { WebSocket, minBackoff: 10, maxBackoff: 50 }
  t.test(`with the WebSocket of ${name}`, { skip: WebSocket === undefined && 'it has none' }, async (t) => {
    t.test('no message is missed or duplicated during a restart of the server', async (t) => {
      const room = new LiveRoom(TOPIC)
      const { app, port } = await start(t, room)
      const socket = new LiveSocket(`http://127.0.0.1:${port}${TOPIC}`, [], options)
      t.teardown(() => { socket.close() })
      const seen: string[] = []
      socket.onmessage = ({ data, topic }) => { seen.push(`${topic} ${data}`) }
      socket.ongap = () => { t.fail('no gap') }
      await room.followers(1)
      room.publish('one')
      await once(socket, 'message')
      const lost = once(socket, 'reconnecting')
      await app.close()
      await lost
      socket.send('while offline')
      room.publish('two')
      room.publish('three')
      await start(t, room, port)
      await room.followers(1)
      room.publish('four')
      while (seen.length < 4) await once(socket, 'message')
      t.same(seen, ['one', 'two', 'three', 'four'].map((data) => `${TOPIC} ${data}`))
      t.same(room.resumed, [undefined, `${TOPIC}#0`])
      t.same(room.received, ['while offline'])
      const closed = once(socket, 'close')
      socket.close(1000, 'done')
      const [{ code, reason, wasClean }] = await closed
      t.same({ code, reason, wasClean }, { code: 1000, reason: 'done', wasClean: true })
    })

    t.test('a lost connection is replaced', async (t) => {
      const room = new LiveRoom(TOPIC)
      const { port } = await start(t, room)
      const socket = new LiveSocket(`ws://127.0.0.1:${port}${TOPIC}`, [], options)
      t.teardown(() => { socket.close() })
      await once(socket, 'subscribed')
      const lost = once(socket, 'reconnecting')
      for (const connection of room.sockets) connection.terminate()
      const [{ code, attempt }] = await lost
      t.same({ code, attempt }, { code: 1006, attempt: 1 })
      await once(socket, 'subscribed')
      t.equal(socket.readyState, LiveSocket.OPEN)
    })

    t.test('a page starts after the cursor of its given state', async (t) => {
      const room = new LiveRoom(TOPIC)
      for (const data of ['one', 'two']) room.publish(data)
      const { port } = await start(t, room)
      const socket = new LiveSocket(`ws://127.0.0.1:${port}${TOPIC}`, [], {
        ...options, cursors: { [TOPIC]: `${TOPIC}#0` }
      })
      t.teardown(() => { socket.close() })
      const [{ data, cursor }] = await once(socket, 'message')
      t.same([data, cursor], ['two', `${TOPIC}#1`])
    })

    t.test('servers without the subprotocol are used without it', async (t) => {
      const { port } = await start(t, new LiveRoom(TOPIC))
      const connect = (path: string, protocols: string[] = []): LiveSocket => {
        const socket = new LiveSocket(`ws://127.0.0.1:${port}${path}`, protocols, options)
        socket.binaryType = 'arraybuffer'
        t.teardown(() => { socket.close() })
        return socket
      }
      const chat = connect('/echo', ['chat'])
      await once(chat, 'open')
      t.equal(chat.protocol, 'chat')
      for (const data of ['text', '\0', Uint8Array.of(0, 1, 2)]) {
        const answered = once(chat, 'message')
        chat.send(data)
        const [event] = await answered
        t.same(typeof data === 'string' ? event.data : new Uint8Array(event.data), data)
        t.equal(event.topic, undefined)
      }
      for (const path of ['/none', '/any']) {
        const socket = connect(path)
        const [{ data }] = await once(socket, 'message')
        t.equal(data, 'welcome')
        t.equal(socket.protocol, '')
      }
    })
  })
}

t.test('a refusal reported by ws ends the socket', async (t) => {
  const { port } = await start(t, new LiveRoom(TOPIC))
  const socket = new LiveSocket(`ws://127.0.0.1:${port}/refused`, [], { WebSocket: Ws })
  let errors = 0
  socket.onerror = () => { errors++ }
  const closed = new Promise<CloseEvent>((resolve) => { socket.onclose = resolve })
  t.match(await closed, { code: 1006, reason: 'Unexpected server response: 403', wasClean: false })
  t.equal(errors, 1)
})
