import t from 'tap'
import { isListed, ownOrigin, readOrigins, type OriginList } from '../../lib/handshake/origin.js'

const listOf = (...entries: unknown[]): OriginList => {
  const read = readOrigins(entries)
  if ('bad' in read) throw new Error(String(read.bad))
  return read
}

t.test('the same origin has the scheme, host and port of the server', async (t) => {
  const list = listOf('same-origin')
  const cases: Array<[origin: string, secure: boolean, host: string, isAllowed: boolean]> = [
    ['http://a.example', false, 'a.example', true],
    ['https://a.example', true, 'a.example', true],
    ['HTTPS://A.Example', true, 'a.example', true],
    ['https://a.example', true, 'A.EXAMPLE', true],
    ['http://a.example:8080', false, 'a.example:8080', true],
    ['http://[::1]:8080', false, '[::1]:8080', true],
    ['http://a.example', false, 'a.example:80', true],
    ['http://a.example:80', false, 'a.example', true],
    ['https://a.example', true, 'a.example:443', true],
    ['https://a.example:443', true, 'a.example', true],
    ['http://a.example:443', false, 'a.example', false],
    ['https://a.example:80', true, 'a.example', false],
    ['http://a.example:8080', false, 'a.example', false],
    ['http://a.example', false, 'a.example:8080', false],
    ['http://a.example', true, 'a.example', false],
    ['https://a.example', false, 'a.example', false],
    ['https://b.example', true, 'a.example', false],
    ['https://a.example.evil.example', true, 'a.example', false],
    ['https://evil-a.example', true, 'a.example', false],
    ['null', true, 'a.example', false],
    ['null', false, 'null', false]
  ]
  for (const [origin, secure, host, isAllowed] of cases) {
    t.equal(isListed(list, origin, secure, host), isAllowed, `${origin} at ${secure ? 'https' : 'http'}://${host}`)
  }
})

t.test('a value that is not an origin is never listed', async (t) => {
  const list = listOf('same-origin', /a/)
  for (const origin of [
    '', 'a.example', 'https:a.example', 'https://a.example/', 'https://a.example/path', 'https://me@a.example',
    'https://a.example https://b.example', 'null ', '://a.example'
  ]) {
    t.notOk(isListed(list, origin, true, 'a.example'), JSON.stringify(origin))
  }
})

t.test('an entry that no page can have as its origin is invalid', async (t) => {
  for (const bad of ['https://*.example.com', '*://a.example', 'ws://a.example', 'wss://a.example', null]) {
    t.same(readOrigins([bad]), { bad })
  }
})

t.test('list entries match whole origins, however they are written', async (t) => {
  const list = listOf(
    'https://App.example/', 'http://b.example:80', 'https://münchen.example', 'chrome-extension://abcdef',
    'http://[::1]:3000'
  )
  t.equal(list.hasOwn, false)
  for (const origin of [
    'https://app.example', 'http://b.example', 'https://xn--mnchen-3ya.example', 'chrome-extension://abcdef',
    'http://[::1]:3000'
  ]) {
    t.ok(isListed(list, origin, true, 'own.example'), origin)
  }
  for (const origin of [
    'http://app.example', 'https://b.example', 'https://own.example', 'https://sub.app.example', 'null'
  ]) {
    t.notOk(isListed(list, origin, true, 'own.example'), origin)
  }
})

t.test('a list may contain the own origin among others', async (t) => {
  const list = listOf('https://admin.example', 'same-origin')
  t.ok(isListed(list, 'https://admin.example', true, 'own.example'))
  t.ok(isListed(list, 'https://own.example', true, 'own.example'))
  t.notOk(isListed(list, 'same-origin', true, 'own.example'))
})

t.test('a pattern with the flag g matches every time', async (t) => {
  const list = listOf(/^https:\/\/[a-z]+\.example$/gy)
  for (let i = 0; i < 3; i++) t.ok(isListed(list, 'https://app.example', true, 'own.example'))
  t.notOk(isListed(list, 'https://app.example.evil', true, 'own.example'))
})

t.test('"null" matches only the entry "null", no pattern', async (t) => {
  t.ok(isListed(listOf('null'), 'null', true, 'own.example'))
  t.notOk(isListed(listOf(/.*/, /null/), 'null', true, 'own.example'))
})

t.test('an invalid entry is reported', async (t) => {
  for (const bad of [
    '', '*', 'a.example', 'https://a.example/path', 'https://a.example/?q', 'https://a.example/#f',
    'https://me@a.example', 'https://:pw@a.example', 'mailto:me@a.example', 7, null, undefined
  ]) {
    t.same(readOrigins(['https://b.example', bad]), { bad })
  }
})

t.test('the own origin omits the default port', async (t) => {
  t.equal(ownOrigin(true, 'a.example:443'), 'https://a.example')
  t.equal(ownOrigin(false, 'a.example:443'), 'http://a.example:443')
})
