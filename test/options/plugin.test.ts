import { createServer } from 'node:http'
import t from 'tap'
import { misspeltOptions, readPluginOptions } from '../../lib/options/plugin.js'
import type { WireOptions } from '../../lib/options/options.js'

const read = (options: object): WireOptions => readPluginOptions(options as WireOptions)

t.test('given options are returned', async (t) => {
  const given = {
    errorHandler: () => {},
    preClose: (done: () => void) => { done() },
    maxPayload: 5,
    perMessageDeflate: true,
    origin: true,
    options: { clientTracking: false, server: createServer() }
  }
  t.same(read(given), given)
  t.same(read({}), { options: {} })
})

t.test('options of ws are defaults for those of the plugin', async (t) => {
  t.match(read({ options: { maxPayload: 5, perMessageDeflate: { threshold: 1 } } }), {
    maxPayload: 5, perMessageDeflate: { threshold: 1 }
  })
  t.match(read({ maxPayload: 6, perMessageDeflate: false, options: { maxPayload: 5, perMessageDeflate: true } }), {
    maxPayload: 6, perMessageDeflate: false
  })
})

t.test('null counts as missing, as in @fastify/websocket', async (t) => {
  t.same(read({
    errorHandler: null, preClose: null, maxPayload: null, perMessageDeflate: null, options: null
  }), { options: {} })
  t.same(read({ options: { verifyClient: null, handleProtocols: null, server: null } }), {
    options: { verifyClient: null, handleProtocols: null }
  })
})

t.test('options of ws are accepted, with the meaning that they have there', async (t) => {
  for (const maxPayload of [null, Infinity, 0, -1, 'x', 2 ** 31]) {
    t.equal(read({ options: { maxPayload } }).maxPayload, Number.MAX_SAFE_INTEGER)
  }
  t.equal(read({ options: { maxPayload: '100' } }).maxPayload, 100)
  for (const perMessageDeflate of [null, 0, false]) {
    t.equal(read({ options: { perMessageDeflate } }).perMessageDeflate, false)
  }
  t.equal(read({ options: { perMessageDeflate: 1 } }).perMessageDeflate, true)
  t.same(read({
    options: { perMessageDeflate: { threshold: null, isServer: true, level: 5 } }
  }).perMessageDeflate, { level: 5 })
})

t.test('options that would fail at a handshake, or never, are refused at once', async (t) => {
  t.throws(() => read({ errorHandler: 1 }), { code: 'FST_WIRE_ERROR_HANDLER' })
  t.throws(() => read({ preClose: 1 }), { code: 'FST_WIRE_PRE_CLOSE' })
  t.throws(() => read({ options: { noServer: true } }), {
    code: 'FST_WIRE_NO_SERVER', message: /^fastify-websocket doesn't support the ws noServer option\./
  })
  t.throws(() => read({ options: 'x' }), { code: 'FST_WIRE_OPTION', message: /"options"/ })
  t.throws(() => read({ options: { verifyClient: 'yes' } }), {
    code: 'FST_WIRE_OPTION', message: /"options\.verifyClient" must be a function, not 'yes'/
  })
  t.throws(() => read({ options: { handleProtocols: ['a'] } }), {
    code: 'FST_WIRE_OPTION', message: /"options\.handleProtocols"/
  })
  t.throws(() => read({ options: { server: {} } }), {
    code: 'FST_WIRE_OPTION', message: /"options\.server" must be an HTTP server/
  })
})

t.test('a probably misspelt option is reported, an option of another plugin is not', async (t) => {
  const others = {
    prefix: '/a',
    logLevel: 'warn',
    name: 'x',
    dirNameRoutePrefix: false,
    encapsulate: true,
    autoHooks: true,
    directIO: true,
    maxPayload: 1
  }
  t.same(misspeltOptions({
    ...others, maxPayloads: 5, options: { verifyclient: 1, path: '/' }
  } as object, ['maxPayload']), [
    'fastify-wire has no option "maxPayloads", it is ignored: did you mean "maxPayload"?',
    'fastify-wire has no option "options.verifyclient", it is ignored: did you mean "options.verifyClient"?'
  ])
  t.same(misspeltOptions({}, []), [])
})

t.test('a plugin option with the name that another package uses causes a warning', async (t) => {
  const given = { idleTimeout: 5, verifyClient: () => true, options: { pingInterval: 5 } } as object
  t.match(misspeltOptions(given, []), [
    /"idleTimeout", it is ignored: write heartbeat/, /"verifyClient".*write options: \{ verifyClient \}/,
    /"options\.pingInterval".*write heartbeat/
  ])
  t.same(misspeltOptions({ options: { verifyClient: () => true } }, []), [])
})

t.test('decorator must be a valid name', async (t) => {
  for (const decorator of ['', 5]) {
    t.throws(() => read({ decorator }), {
      code: 'FST_WIRE_OPTION', message: /"decorator" must be the name of a method/
    })
  }
  t.match(read({ decorator: 'socket' }), { decorator: 'socket' })
})
