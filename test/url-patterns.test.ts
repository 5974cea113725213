import t from 'tap'
import { UrlPatterns } from '../lib/url-patterns.js'

const lengths = (options: Record<string, unknown>, ...patterns: string[]): UrlPatterns<string[]> => {
  const urls = new UrlPatterns<string[]>(options)
  for (const pattern of patterns) urls.set(pattern, (known = []) => [...known, pattern])
  return urls
}

t.test('find() returns the value of the most specific pattern that matches the URL', async (t) => {
  const urls = lengths({}, '/rooms/:room', '/*', '/rooms/:other')
  t.same(urls.find('/rooms/7?a=b'), ['/rooms/:room', '/rooms/:other'])
  t.same(urls.find('/other'), ['/*'])
  t.equal(new UrlPatterns().find('/none'), undefined)
})

t.test('an optional parameter belongs to two patterns, which others may share', async (t) => {
  const urls = lengths({}, '/a', '/a/:b?', '/a/:c', '/:d?')
  t.same(urls.find('/a'), ['/a', '/a/:b?'])
  t.same(urls.find('/a/x'), ['/a/:b?', '/a/:c'])
  t.same(urls.find('/'), ['/:d?'])
  t.same(urls.find('/x'), ['/:d?'])
})

t.test('patterns that the router does not distinguish share a value', async (t) => {
  t.same(lengths({ ignoreTrailingSlash: true }, '/a', '/a/', '/').find('/a/'), ['/a', '/a/'])
  t.same(lengths({ ignoreDuplicateSlashes: true }, '/a/b', '//a//b').find('/a/b'), ['/a/b', '//a//b'])
  t.same(lengths({ caseSensitive: false }, '/a', '/A').find('/a'), ['/a', '/A'])
  t.same(lengths({}, '/*', '*').find('/a'), ['/*', '*'])
  t.same(lengths({}, '/a', '/a/').find('/a/'), ['/a/'])
})

t.test('patterns that only constraints tell apart do not exclude each other', async (t) => {
  const urls = lengths({}, '/a/:id(^\\d+$)', '/a/:name(^[a-z]+$)', '/a/:other(^[A-Z]+$)', '/a/:id(^\\d+$)')
  t.same(urls.find('/a/7'), ['/a/:id(^\\d+$)', '/a/:id(^\\d+$)'])
  t.same(urls.find('/a/x'), ['/a/:name(^[a-z]+$)'])
  t.same(urls.find('/a/X'), ['/a/:other(^[A-Z]+$)'])
  t.equal(urls.find('/a/-'), undefined)
})

t.test('an invalid pattern throws', async (t) => {
  t.throws(() => lengths({}, '/a', '/*/b'), /Wildcard/)
})
