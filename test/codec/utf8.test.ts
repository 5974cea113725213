import { isUtf8 } from 'node:buffer'
import t from 'tap'
import { Utf8Validator } from '../../lib/codec/utf8.js'
import { createRandom } from '../fixtures/sink.js'

/** How many bytes are taken before the text is refused, or -1 for a valid text. */
const refusedAfter = (bytes: Buffer): number => {
  const validator = new Utf8Validator()
  for (let i = 0; i < bytes.length; i++) if (!validator.append(bytes, i, i + 1)) return i + 1
  return validator.end() ? -1 : bytes.length
}

t.test('valid text is accepted wherever it is split', async (t) => {
  const bytes = Buffer.from('aé€😀\u{10ffff}\ud7ff\ue000z')
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const validator = new Utf8Validator()
      const valid = validator.append(bytes, 0, first) && validator.append(bytes, first, second) &&
        validator.append(bytes, second, bytes.length) && validator.end()
      if (!valid) t.fail(`cut at ${first} and ${second}`)
    }
  }
  t.equal(refusedAfter(bytes), -1)
})

t.test('an invalid sequence is refused at the byte that breaks it', async (t) => {
  const cases: Array<[string, number]> = [
    ['80', 1], ['bf', 1], ['c0', 1], ['c1', 1], ['f5', 1], ['ff', 1], ['c328', 2], ['e080', 2], ['eda0', 2],
    ['f080', 2], ['f490', 2],
    ['e28228', 3], ['f0908028', 4], ['61c0', 2]
  ]
  for (const [hex, after] of cases) t.equal(refusedAfter(Buffer.from(hex, 'hex')), after, hex)
})

t.test('an invalid sequence in one piece is refused', async (t) => {
  for (const hex of ['80', 'c0', 'f5', '61eda0', 'f490', 'e080', '61ff61', '80808080', 'f09f98']) {
    const bytes = Buffer.from(hex, 'hex')
    const validator = new Utf8Validator()
    t.notOk(validator.append(bytes, 0, bytes.length) && validator.end(), hex)
  }
})

t.test('random bytes in pieces are judged as in one piece', async (t) => {
  const random = createRandom(7)
  const pool = Buffer.from('aé€😀', 'utf8')
  for (let round = 0; round < 2_000; round++) {
    const bytes = Buffer.from(Array.from({ length: random(8) }, () => random(4) === 0
      ? random(256)
      : pool[random(pool.length)]!))
    const validator = new Utf8Validator()
    let valid = true
    for (let at = 0; at < bytes.length && valid;) {
      const end = Math.min(bytes.length, at + 1 + random(4))
      valid = validator.append(bytes, at, end)
      at = end
    }
    if ((valid && validator.end()) !== isUtf8(bytes)) t.fail(bytes.toString('hex'))
  }
  t.pass()
})
