import { once } from 'node:events'
import t from 'tap'
import WebSocket from 'ws'
import { SIZES, startEcho } from '../fixtures/echo.js'

t.test('ws: every length, text and binary, whole and in fragments', async (t) => {
  const client = new WebSocket(await startEcho(t))
  await once(client, 'open')
  for (const size of SIZES) {
    const payload = Buffer.alloc(size, 'ü')
    client.send(payload)
    const [data, isBinary] = await once(client, 'message')
    t.ok(payload.equals(data) && isBinary === true, `${size} bytes`)
    client.send('ä'.repeat(size / 2))
    t.ok(String((await once(client, 'message'))[0]) === 'ä'.repeat(size / 2), `${size} bytes of text`)
  }
  const answers = Promise.all([once(client, 'pong'), once(client, 'message')])
  client.send('in ', { fin: false })
  client.ping('between')
  client.send('two', { fin: true })
  const [[pong], [message]] = await answers
  t.same([String(pong), String(message)], ['between', 'in two'])
  client.close(4000, 'done')
  t.equal((await once(client, 'close'))[0], 4000)
})

t.test('ws: a message of the largest size passes in fragments of 64 bytes', async (t) => {
  const client = new WebSocket(await startEcho(t))
  await once(client, 'open')
  const payload = Buffer.alloc(1_048_576, 'x')
  for (let at = 0; at < payload.length; at += 64) {
    client.send(payload.subarray(at, at + 64), { binary: true, fin: at + 64 === payload.length })
  }
  t.ok(payload.equals((await once(client, 'message'))[0]))
  client.terminate()
})

t.test('ws: subprotocol, and a close with code and reason', async (t) => {
  const client = new WebSocket(await startEcho(t), ['none', 'one', 'two'])
  await once(client, 'open')
  t.equal(client.protocol, 'one')
  client.send('close me')
  const [code, reason] = await once(client, 'close')
  t.equal(code, 4001)
  t.equal(String(reason), 'as you wish')
})

t.test('ws: a message over the limit closes 1009', async (t) => {
  const client = new WebSocket(await startEcho(t))
  await once(client, 'open')
  client.on('error', () => {})
  client.send(Buffer.alloc(1_048_577))
  t.equal((await once(client, 'close'))[0], 1009)
})

t.test('ws: protocol versions 8 and 13', async (t) => {
  const url = await startEcho(t)
  for (const protocolVersion of [8, 13] as const) {
    const client = new WebSocket(url, { protocolVersion })
    await once(client, 'open')
    client.send('hello')
    t.equal(String((await once(client, 'message'))[0]), 'hello')
    client.close()
    await once(client, 'close')
  }
})
