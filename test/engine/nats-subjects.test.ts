import t from 'tap'
import { NatsSubjects, tokenOf } from '../../lib/engine/nats-subjects.js'

t.test('any text becomes one token without wildcards, and no two texts the same', async (t) => {
  const texts = ['/rooms/7', '', '%', '*', '>', '.', 'a.b', 'a b', 'ü', '%2E', 'x'.repeat(2000), 'x'.repeat(2001), '%%']
  const tokens = texts.map(tokenOf)
  for (const token of tokens) t.match(token, /^[^.*>\s]{1,1024}$/)
  t.equal(new Set(tokens).size, texts.length)
})

t.test('subjects are cached, for a limited number of topics', async (t) => {
  const subjects = new NatsSubjects('wire')
  const first = subjects.of('a')
  t.match(first, { publish: 'wire.p.a', deliver: 'wire.d.a' })
  t.equal(subjects.of('a'), first)
  for (let i = 0; i < 10_000; i++) subjects.of(`${i}`)
  t.not(subjects.of('a'), first)
})
