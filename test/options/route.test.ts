import t from 'tap'
import {
  checkMessageOptions, checkRouteOptions, checkTopicOptions, readDeclaration, misspeltRouteOptions
} from '../../lib/options/route.js'

const handler = (): void => {}

t.test('the options may be left out', async (t) => {
  t.same(readDeclaration('/a', handler, undefined), { options: {}, handler })
  t.same(readDeclaration('/a', undefined, handler), { options: {}, handler })
  t.same(readDeclaration('', { maxPayload: 1 }, handler), { options: { maxPayload: 1 }, handler })
  t.same(readDeclaration('*', {}, handler), { options: {}, handler })
})

t.test('missing or swapped arguments are refused', async (t) => {
  const cases: Array<[args: [unknown, unknown?, unknown?], code: string]> = [
    [['/a'], 'FST_WIRE_HANDLER'], [['/a', {}], 'FST_WIRE_HANDLER'], [['/a', { handler }], 'FST_WIRE_HANDLER'],
    [['/a', { message: handler }], 'FST_WIRE_HANDLER_OBJECT'],
    [['/a', {}, { open: handler }], 'FST_WIRE_HANDLER_OBJECT'],
    [[handler], 'FST_WIRE_HANDLER'],
    [['/a', handler, {}], 'FST_WIRE_ROUTE_ARGUMENTS'], [['/a', null, handler], 'FST_WIRE_ROUTE_ARGUMENTS'],
    [['/a', 'chat', handler], 'FST_WIRE_ROUTE_ARGUMENTS'], [['/a', [], handler], 'FST_WIRE_ROUTE_ARGUMENTS'],
    [['a', handler], 'FST_WIRE_URL'], [['ws://localhost/a', handler], 'FST_WIRE_URL'], [[5, handler], 'FST_WIRE_URL']
  ]
  for (const [[url, second, third], code] of cases) t.throws(() => readDeclaration(url, second, third), { code })
})

t.test('an option that a socket cannot have is refused with the reason', async (t) => {
  const cases: Array<[object, code: string, message: RegExp]> = [
    [{ shutdown: {} }, 'FST_WIRE_ROUTE_OPTION', /"shutdown": it applies to all routes, pass it to app\.register/],
    [{ directIO: false }, 'FST_WIRE_ROUTE_OPTION', /"directIO"/],
    [{ preClose: handler }, 'FST_WIRE_ROUTE_OPTION', /"preClose"/],
    [{ options: {} }, 'FST_WIRE_ROUTE_OPTION', /"options"/],
    [{ method: 'POST' }, 'FST_WIRE_ROUTE_OPTION', /"method": a handshake is a GET request/],
    [{ websocket: true }, 'FST_WIRE_ROUTE_OPTION', /"websocket": app\.ws\(\) always declares a WebSocket route/],
    [{ path: '/b' }, 'FST_WIRE_ROUTE_OPTION', /"path"/],
    [
      { idleTimeout: 60 }, 'FST_WIRE_ROUTE_OPTION',
      /"idleTimeout": write heartbeat: \{ interval, timeout \}, in milliseconds/
    ],
    [{ verifyClient: handler }, 'FST_WIRE_ROUTE_OPTION', /"verifyClient": check the request in a hook/],
    [{ message: handler }, 'FST_WIRE_ROUTE_OPTION', /"message": add listeners in the handler/],
    [{ url: '/b' }, 'FST_WIRE_ROUTE_OPTION', /"url"/],
    [{ handler }, 'FST_WIRE_ROUTE_OPTION', /"handler"/],
    [{ wsHandler: handler }, 'FST_WIRE_ROUTE_OPTION', /"wsHandler"/],
    [{ bodyLimit: 5 }, 'FST_WIRE_ROUTE_OPTION', /"bodyLimit".* maxPayload/],
    [{ exposeHeadRoute: true }, 'FST_WIRE_ROUTE_OPTION', /"exposeHeadRoute"/],
    [{ constraints: { upgrade: 'h2c' } }, 'FST_WIRE_ROUTE_OPTION', /"constraints\.upgrade"/],
    [{ maxPayloads: 5 }, 'FST_WIRE_MISSPELT_OPTION', /"maxPayloads": did you mean "maxPayload"/],
    [{ schema: { messages: {} } }, 'FST_WIRE_MISSPELT_OPTION', /"schema\.messages": did you mean "schema\.message"/]
  ]
  for (const [options, code, message] of cases) {
    t.throws(() => { checkRouteOptions(options, ['maxPayload']) }, { code, message })
  }
})

t.test('options that state the default, and options of other plugins, are accepted', async (t) => {
  t.doesNotThrow(() => {
    const fixed = { method: 'GET', exposeHeadRoute: false, constraints: { upgrade: 'websocket', host: 'a' } }
    const others = {
      config: {}, onError: handler, idleTimeout: undefined, schema: { message: {}, send: {}, querystring: {}, tags: [] }
    }
    checkRouteOptions({ ...fixed, ...others }, ['maxPayload'])
  })
  t.doesNotThrow(() => { checkRouteOptions({ shutdown: undefined, constraints: { host: 'a' } }, []) })
})

t.test('a drop-in route logs a warning for each option that is probably misspelt or foreign', async (t) => {
  const others = {
    method: 'GET', url: '/a', websocket: true, handler, config: {}, onError: handler, maxPayload: 5, own: 1
  }
  t.same(misspeltRouteOptions(others, ['maxPayload']), [])
  t.same(misspeltRouteOptions({ ...others, maxPayloads: 5, idleTimeout: 60 }, ['maxPayload']), [
    'a socket route has no option "maxPayloads", it is ignored: did you mean "maxPayload"?',
    'a socket route has no option "idleTimeout", it is ignored: write heartbeat: { interval, timeout }, in milliseconds'
  ])
})

t.test('options for messages require a schema for them', async (t) => {
  for (const own of [{ onInvalid: 'reply' }, { onBinary: 'pass' }]) {
    t.doesNotThrow(() => { checkMessageOptions(own, { message: {} }) })
    for (const schema of [undefined, {}, { send: {} }]) {
      t.throws(() => { checkMessageOptions(own, schema) }, { code: 'FST_WIRE_ROUTE_OPTION' })
    }
  }
  t.doesNotThrow(() => { checkMessageOptions({ validateSend: true }, { send: {} }) })
  for (const schema of [undefined, {}, { message: {} }]) {
    t.throws(() => { checkMessageOptions({ validateSend: true }, schema) }, {
      code: 'FST_WIRE_ROUTE_OPTION', message: /"validateSend"/
    })
  }
  t.doesNotThrow(() => { checkMessageOptions({}, undefined) })
  for (const part of ['message', 'send']) {
    t.throws(() => { checkMessageOptions({}, { [part]: null }) }, {
      code: 'FST_WIRE_OPTION', message: new RegExp(`"schema.${part}"`)
    })
  }
})

t.test('options about topics are refused where they would have no effect', async (t) => {
  const presence = (): undefined => undefined
  for (const topic of [true, 'news', ['a', 'b']]) {
    t.doesNotThrow(() => { checkTopicOptions({ history: {}, presence }, topic) })
  }
  t.doesNotThrow(() => { checkTopicOptions({ presence }, () => 'news') })
  t.doesNotThrow(() => { checkTopicOptions({}, undefined) })
  for (const own of [{ history: {} }, { presence }]) {
    t.throws(() => { checkTopicOptions(own, undefined) }, { code: 'FST_WIRE_ROUTE_OPTION', message: /option topic/ })
  }
  t.throws(() => { checkTopicOptions({ history: {} }, () => 'news') }, {
    code: 'FST_WIRE_ROUTE_OPTION', message: /app\.topics\.define\(\)/
  })
})
