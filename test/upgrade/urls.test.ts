import t from 'tap'
import { SocketUrls } from '../../lib/upgrade/urls.js'

t.test('the most specific URL that holds a socket tells how it was declared', async (t) => {
  const urls = new SocketUrls(undefined)
  urls.add('/rooms/:room', 'shared')
  urls.add('/*', 'constrained')
  t.equal(urls.find('/rooms/7?a=b'), 'shared')
  t.equal(urls.find('/other'), 'constrained')
  t.ok(urls.holds('/rooms/:room'))
  t.notOk(urls.holds('/rooms/7'))
  t.notOk(urls.holds(undefined))
  t.equal(new SocketUrls({}).find('/none'), undefined)
})

t.test('of two routes at one URL, the one under the constraint counts', async (t) => {
  const urls = new SocketUrls({ ignoreTrailingSlash: true })
  urls.add('/a', 'shared')
  urls.add('/a', 'constrained')
  urls.add('/a', 'shared')
  t.equal(urls.find('/a/'), 'constrained')
})
