import t from 'tap'
import { adviseOnPluginOption, adviseOnRouteOption, holdsListeners } from '../../lib/options/foreign.js'
import { SOCKET_OPTIONS } from '../../lib/options/table.js'

t.test('options of ws, uWebSockets.js and socket.io get the name of their counterpart', async (t) => {
  t.match(adviseOnRouteOption('pingInterval'), /heartbeat: \{ interval \}/)
  t.match(adviseOnRouteOption('maxPayloadLength'), /maxPayload/)
  t.match(adviseOnRouteOption('maxBackpressure'), /backpressure: \{ limit \}/)
  t.match(adviseOnRouteOption('cors'), /origin/)
  t.match(adviseOnPluginOption('pingTimeout'), /heartbeat: \{ timeout \}/)
})

t.test('options of the ws server get their place in the plugin options, or their counterpart', async (t) => {
  t.equal(adviseOnPluginOption('verifyClient'), 'write options: { verifyClient }')
  t.match(adviseOnRouteOption('handleProtocols'), /protocols/)
})

t.test('names that this plugin or Fastify has get no advice', async (t) => {
  for (const name of [...SOCKET_OPTIONS, 'onError', 'onRequest', 'onTimeout', 'schema', 'config', 'mine']) {
    t.equal(adviseOnRouteOption(name), undefined, name)
    t.equal(adviseOnPluginOption(name), undefined, name)
  }
})

t.test('an object of listeners is recognized by its property names', async (t) => {
  const listener = (): void => {}
  for (const given of [{ message: listener }, { onOpen: listener, maxPayload: 5 }, { onerror: listener }]) {
    t.ok(holdsListeners(given))
  }
  for (const given of [{}, { message: {} }, { onRequest: listener }, undefined, null, listener, 'message']) {
    t.notOk(holdsListeners(given))
  }
})
