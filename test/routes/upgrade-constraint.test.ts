import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { isUpgrade, markUpgrade, upgradeConstraint, type RouteKind } from '../../lib/routes/upgrade-constraint.js'

t.test('an upgrade meets the constraint, unless a route without the constraint holds the socket', async (t) => {
  const urls = { find: (url: string) => url === '/none' ? undefined : { routeKind: url.slice(1) as RouteKind } }
  const requests = ['/constrained', '/shared', '/none'].map((url) => ({ url }) as IncomingMessage)
  t.same(requests.map(isUpgrade), [false, false, false])
  t.same(requests.map(upgradeConstraint.deriveConstraint), [undefined, undefined, undefined])
  for (const request of requests) markUpgrade(request, urls)
  t.same(requests.map(isUpgrade), [true, true, true])
  t.same(requests.map(upgradeConstraint.deriveConstraint), ['websocket', undefined, 'websocket'])
})

t.test('the constraint stores the handlers of its values', async (t) => {
  t.ok(upgradeConstraint.validate())
  const storage = upgradeConstraint.storage()
  storage.set('websocket', 1)
  t.equal(storage.get('websocket'), 1)
  t.equal(storage.get('other'), undefined)
})
