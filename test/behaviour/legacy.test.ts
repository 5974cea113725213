import { once } from 'node:events'
import t from 'tap'
import { createApp, listen } from '../fixtures/app.js'
import { RawClient, text } from '../fixtures/client.js'
import { converse } from '../fixtures/conversation.js'

const HIXIE_75 = [
  'GET /demo HTTP/1.1',
  'Upgrade: WebSocket',
  'Connection: Upgrade',
  'Host: example.com',
  'Origin: http://example.com',
  'WebSocket-Protocol: sample',
  '', ''].join('\r\n')

const HIXIE_76 = [
  'GET /demo HTTP/1.1',
  'Host: example.com',
  'Connection: Upgrade',
  'Sec-WebSocket-Key2: 12998 5 Y3 1  .P00',
  'Sec-WebSocket-Protocol: sample',
  'Upgrade: WebSocket',
  'Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5',
  'Origin: http://example.com',
  '', ''].join('\r\n')

const KEY_3 = Buffer.from('^n:ds[4U')
const DIGEST = '8jKS\'y:G*Co,Wxa-'

const hixieText = (payload: string): Buffer => Buffer.concat([
  Buffer.from([0]), Buffer.from(payload), Buffer.from([255])
])

t.test('a hixie-75 handshake gets exactly the answer of the draft', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.send(`version ${socket.version}`) })
  const client = new RawClient(t, await listen(app))
  client.write(HIXIE_75)
  t.equal(await client.readHead(), [
    'HTTP/1.1 101 Web Socket Protocol Handshake',
    'Upgrade: WebSocket',
    'Connection: Upgrade',
    'WebSocket-Origin: http://example.com',
    'WebSocket-Location: ws://example.com/demo',
    'WebSocket-Protocol: sample',
    '', ''].join('\r\n'))
  const greeting = hixieText('version hixie-75')
  t.same(await client.read(greeting.length), greeting)
})

t.test('a hixie-76 handshake is accepted whether its eight bytes come with the head, split or later', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', (socket) => { socket.on('message', (data) => { socket.send(data, { binary: false }) }) })
  const port = await listen(app)
  for (const pieces of [
    [HIXIE_76, KEY_3],
    [HIXIE_76 + KEY_3.toString('latin1')],
    [HIXIE_76 + '^n:', 'ds', '[4U'],
    [HIXIE_76 + KEY_3.toString('latin1') + '\x00early\xff']
  ]) {
    const client = new RawClient(t, port)
    client.socket.setNoDelay(true)
    for (const piece of pieces) {
      await new Promise<void>((resolve) => { client.socket.write(piece as string, 'latin1', () => { resolve() }) })
      await new Promise<void>((resolve) => { setImmediate(resolve) })
    }
    t.equal(await client.readHead(), [
      'HTTP/1.1 101 WebSocket Protocol Handshake',
      'Upgrade: WebSocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Origin: http://example.com',
      'Sec-WebSocket-Location: ws://example.com/demo',
      'Sec-WebSocket-Protocol: sample',
      '', ''].join('\r\n'))
    t.equal((await client.read(16)).toString('latin1'), DIGEST)
    if (!String(pieces[0]).endsWith('early\xff')) client.write(hixieText('early'))
    t.same(await client.read(7), hixieText('early'))
    client.write(Buffer.from([255, 0]))
    t.same(await client.read(2), Buffer.from([255, 0]))
    await client.readEnd()
  }
})

t.test('a hixie-76 handshake without its eight bytes is refused after handshakeTimeout', async (t) => {
  const app = await createApp(t, { handshakeTimeout: 20 })
  app.ws('/demo', () => {})
  const port = await listen(app)
  const client = new RawClient(t, port)
  client.write(HIXIE_76)
  t.equal((await client.readAnswer()).status, 408)
  const ending = new RawClient(t, port)
  ending.write(HIXIE_76)
  ending.socket.end()
  t.equal((await ending.readAnswer()).status, 408)
})

t.test('a handshake with bad hixie-76 keys is refused, not read as hixie-75', async (t) => {
  const app = await createApp(t)
  app.ws('/demo', () => {})
  const port = await listen(app)
  for (const key of ['4@146546xW%0l15', '4 @1   46546xW%0l 1 5', '   ', '9999 99999999 9 9']) {
    const client = new RawClient(t, port)
    client.write(HIXIE_76.replace('4 @1  46546xW%0l 1 5', key) + KEY_3.toString('latin1'))
    const answer = await client.readAnswer()
    t.equal(answer.status, 400)
    t.equal(answer.body.code, 'FST_WIRE_HIXIE_KEY')
  }
})

t.test('the location has the scheme and host from the headers of a trusted proxy', async (t) => {
  for (const [trustProxy, location] of [
    [true, 'wss://public.example/demo?a=b'], [false, 'ws://example.com:81/demo?a=b']
  ] as const) {
    const app = await createApp(t, { origin: 'http://example.com' }, { trustProxy })
    app.ws('/demo', () => {})
    const client = new RawClient(t, await listen(app))
    client.write(HIXIE_75.replace('/demo', '/demo?a=b').replace(
      'Host: example.com', 'Host: example.com:81\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example'
    ))
    t.match(await client.readHead(), `\r\nWebSocket-Location: ${location}\r\n`)
  }
})

t.test('the option versions restricts the versions of a route', async (t) => {
  const app = await createApp(t, { versions: ['13'] })
  app.ws('/demo', () => {})
  app.ws('/old', { versions: ['hixie-75'] }, () => {})
  const port = await listen(app)
  const refused = new RawClient(t, port)
  refused.write(HIXIE_75)
  t.equal((await refused.readAnswer()).status, 400)
  const draft = new RawClient(t, port)
  t.match(await draft.upgrade('/demo', { 'Sec-WebSocket-Version': '8' }), / 426 /)
  const old = new RawClient(t, port)
  old.write(HIXIE_75.replace('/demo', '/old'))
  t.match(await old.readHead(), / 101 /)
})

t.test('drafts 7 and 8 exchange messages as RFC 6455 does', async (t) => {
  const app = await createApp(t)
  app.ws(
    '/demo', (socket) => { socket.on('message', (data) => { socket.send(`${socket.version} ${data.toString()}`) }) }
  )
  const port = await listen(app)
  for (const version of ['7', '8']) {
    const client = new RawClient(t, port)
    await client.upgrade('/demo', { 'Sec-WebSocket-Version': version, 'Sec-WebSocket-Origin': 'http://example.com' })
    client.write(text('hello'))
    t.equal(await client.readText(), `${version} hello`)
  }
})

t.test('binary messages, pings and fragments throw FST_WIRE_NOT_SUPPORTED on a hixie socket', async (t) => {
  const { socket } = await converse(t, { head: HIXIE_75 })
  for (const act of [
    () => { socket.send(Buffer.from('x')) }, () => { socket.ping() }, () => { socket.pong() },
    () => { socket.send('x', { fin: false }) }
  ]) {
    t.throws(act, { code: 'FST_WIRE_NOT_SUPPORTED' })
  }
  t.match(await new Promise((resolve) => { socket.send(Buffer.from('x'), resolve) }), {
    code: 'FST_WIRE_NOT_SUPPORTED'
  })
})

t.test('the end of a hixie-75 stream is clean between two frames, unclean within one', async (t) => {
  for (const [last, code] of [[hixieText('b'), 1005], [Buffer.from([0, 0x62]), 1006]] as const) {
    const { client, socket } = await converse(t, { head: HIXIE_75 })
    client.write(hixieText('a'))
    client.write(last)
    client.socket.end()
    t.equal((await once(socket, 'close'))[0], code)
  }
})
