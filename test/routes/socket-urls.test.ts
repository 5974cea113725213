import t from 'tap'
import { SocketUrls } from '../../lib/routes/socket-urls.js'

t.test('find() returns the declaration of the most specific URL that holds a socket', async (t) => {
  const urls = new SocketUrls(undefined)
  urls.add('/rooms/:room', 'shared', 1_000)
  urls.add('/*', 'constrained', 2_000)
  t.same(urls.find('/rooms/7?a=b'), { routeKind: 'shared', handshakeTimeout: 1_000 })
  t.same(urls.find('/other'), { routeKind: 'constrained', handshakeTimeout: 2_000 })
  t.ok(urls.holds('/rooms/:room'))
  t.notOk(urls.holds('/rooms/7'))
  t.notOk(urls.holds(undefined))
  t.equal(new SocketUrls({}).find('/none'), undefined)
})

t.test('the constrained route and the longest handshakeTimeout win if two routes have the same URL', async (t) => {
  const urls = new SocketUrls({ ignoreTrailingSlash: true })
  urls.add('/a', 'shared', 1_000)
  urls.add('/a', 'constrained', 3_000)
  urls.add('/a', 'shared', 2_000)
  t.same(urls.find('/a/'), { routeKind: 'constrained', handshakeTimeout: 3_000 })
})

t.test('frozen constraint strategies of the application are not changed', async (t) => {
  const strategy = Object.freeze({
    name: 'version', storage: () => new Map(), deriveConstraint: () => 'a', validate: () => true
  })
  const urls = new SocketUrls(Object.freeze({
    constraints: Object.freeze({ version: strategy }), caseSensitive: false
  }))
  urls.add('/a', 'shared', 1_000)
  t.same(urls.find('/A'), { routeKind: 'shared', handshakeTimeout: 1_000 })
})

t.test("looking up a URL calls no functions of the application's router", async (t) => {
  const never = (): never => { throw new Error('called') }
  const urls = new SocketUrls({
    maxParamLength: 3, onMaxParamLength: never, onBadUrl: never, defaultRoute: never, querystringParser: never
  })
  urls.add('/a/:id', 'shared', 1_000)
  t.ok(urls.find('/a/b?c=d'))
  for (const url of ['/a/long', '/a/%E0%A4%A']) t.equal(urls.find(url), undefined)
})
