import t from 'tap'
import { isHost, location } from '../../lib/handshake/location.js'

t.test('well-formed hosts are accepted', async t => {
  for (const host of [
    'example.com', 'example.com:8080', 'EXAMPLE.com', 'my_host', 'xn--bcher-kva.example', '127.0.0.1:1', '[::1]',
    '[::1]:80', '[fe80::1%25eth0]:8080', 'example.com:', 'a'
  ]) t.ok(isHost(host), host)
})

t.test('malformed hosts are refused', async t => {
  for (const host of [
    undefined, '', ' ', 'a b', ' a', 'a/b', 'a\\b', 'user@a', 'a?b', 'a#b', 'a\r\nb', 'a\n', 'a\u0000',
    'a\u007f', 'a,b', ':80',
    'a:b', 'a:80:80', 'a:123456', '::1', '[::1', '[]', '[::1]a', 'b\u00fccher.example', '<a>', '"a"'
  ]) t.notOk(isHost(host), JSON.stringify(host))
})

t.test('the location has the scheme, host and path of the request', async t => {
  t.equal(location(false, 'example.com', '/demo'), 'ws://example.com/demo', 'is ws:// on a plain connection')
  t.equal(location(true, 'example.com', '/demo'), 'wss://example.com/demo', 'is wss:// on a secure one')
  t.equal(location(false, 'example.com', '/demo?a=1&b=/'), 'ws://example.com/demo?a=1&b=/', 'has the query')
  t.equal(location(false, 'Example.com', '/%7Edemo'), 'ws://Example.com/%7Edemo', 'is to the letter')
})

t.test('the location omits the default port', async t => {
  t.equal(location(false, 'a:80', '/'), 'ws://a/', 'is left out for 80 on ws')
  t.equal(location(true, 'a:443', '/'), 'wss://a/', 'is left out for 443 on wss')
  t.equal(location(false, 'a:443', '/'), 'ws://a:443/', 'stays for 443 on ws')
  t.equal(location(true, 'a:80', '/'), 'wss://a:80/', 'stays for 80 on wss')
  t.equal(location(false, 'a:8080', '/'), 'ws://a:8080/', 'stays for 8080, which ends in 80')
  t.equal(location(false, 'a:', '/'), 'ws://a/', 'is the default when it is empty')
  t.equal(location(false, '[::1]:80', '/'), 'ws://[::1]/', 'is left out behind an IPv6 address')
  t.equal(location(false, '[::80]', '/'), 'ws://[::80]/', 'is not taken from an IPv6 address')
  t.equal(location(true, '[::1]:80', '/'), 'wss://[::1]:80/', 'stays behind an IPv6 address')
})

t.test('the location has the path and query of the request target, in any of its forms', async t => {
  t.equal(location(false, 'a', 'http://b:1/demo?x=1'), 'ws://a/demo?x=1', 'is that of an absolute-form target')
  t.equal(location(false, 'a', 'WS://b/demo'), 'ws://a/demo', 'is so whatever the scheme and its case')
  t.equal(location(false, 'a', 'http://b'), 'ws://a/', 'is / where the target has none')
  t.equal(location(false, 'a', 'http://b?x=/'), 'ws://a/?x=/', 'is / before a query where the target has none')
  t.equal(location(false, 'a', '/http://b/'), 'ws://a/http://b/', 'may look like a URL')
  t.equal(location(false, 'a', '*'), 'ws://a/', 'is / for the asterisk-form')
  t.equal(location(false, 'a', 'demo'), 'ws://a/', 'is / for a target that is no path')
  t.equal(location(false, 'a', ''), 'ws://a/', 'is / for an empty target')
})
