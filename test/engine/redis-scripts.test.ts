import { createHash } from 'node:crypto'
import t from 'tap'
import { CLAIM, HEAD, JOIN, LEAVE, PUBLISH, RENEW } from '../../lib/engine/redis-scripts.js'

t.test('a script has the digest of its source, and uses only the given keys', async (t) => {
  for (const [name, { source, sha1 }] of Object.entries({ CLAIM, HEAD, JOIN, LEAVE, PUBLISH, RENEW })) {
    t.equal(sha1, createHash('sha1').update(source).digest('hex'), name)
    for (const [, key] of source.matchAll(/redis\.call\('(?!TIME)\w+', ([^,)]+)/g)) {
      t.match(key, /^(KEYS\[\d\]|current|other)$/, name)
    }
  }
})
