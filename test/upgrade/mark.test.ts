import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { isUpgrade, markUpgrade, upgradeConstraint } from '../../lib/upgrade/mark.js'

t.test('only an upgrade is one, and only a constrained one meets the constraint', async (t) => {
  const [plain, constrained, shared] = [{}, {}, {}] as IncomingMessage[] as [IncomingMessage, IncomingMessage, IncomingMessage]
  markUpgrade(constrained, 'constrained')
  markUpgrade(shared, 'shared')
  t.same([plain, constrained, shared].map(isUpgrade), [false, true, true])
  t.same([plain, constrained, shared].map(upgradeConstraint.deriveConstraint), [undefined, 'websocket', undefined])
})

t.test('the constraint keeps the handlers of its values', async (t) => {
  t.ok(upgradeConstraint.validate())
  const storage = upgradeConstraint.storage()
  storage.set('websocket', 1)
  t.equal(storage.get('websocket'), 1)
  t.equal(storage.get('other'), undefined)
})
