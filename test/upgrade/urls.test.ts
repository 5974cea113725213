import t from 'tap'
import { SocketUrls } from '../../lib/upgrade/urls.js'

t.test('the most specific URL that holds a socket tells how it was declared', async (t) => {
  const urls = new SocketUrls(undefined)
  urls.add('/rooms/:room', 'shared', 1_000)
  urls.add('/*', 'constrained', 2_000)
  t.same(urls.find('/rooms/7?a=b'), { marked: 'shared', handshakeTimeout: 1_000 })
  t.same(urls.find('/other'), { marked: 'constrained', handshakeTimeout: 2_000 })
  t.ok(urls.holds('/rooms/:room'))
  t.notOk(urls.holds('/rooms/7'))
  t.notOk(urls.holds(undefined))
  t.equal(new SocketUrls({}).find('/none'), undefined)
})

t.test('of two routes at one URL, the one under the constraint counts, and the longest time', async (t) => {
  const urls = new SocketUrls({ ignoreTrailingSlash: true })
  urls.add('/a', 'shared', 1_000)
  urls.add('/a', 'constrained', 3_000)
  urls.add('/a', 'shared', 2_000)
  t.same(urls.find('/a/'), { marked: 'constrained', handshakeTimeout: 3_000 })
})
