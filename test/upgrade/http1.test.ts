import { EventEmitter, once } from 'node:events'
import { createServer, IncomingMessage, ServerResponse, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Test } from 'tap'
import t from 'tap'
import { Connections } from '../../lib/upgrade/connections.js'
import type { Http1Upgrade } from '../../lib/upgrade/http1.js'
import { listenForUpgrades } from '../../lib/upgrade/http1-listener.js'
import { RawClient, upgradeHead } from '../fixtures/client.js'

type Routing = (request: IncomingMessage, response: ServerResponse, upgrade: Http1Upgrade) => void

const setUp = async (t: Test, route: Routing, endTimeout?: number) => {
  const server = createServer((_request, response) => { response.end('plain') })
  const failures: unknown[] = []
  const routing = (request: IncomingMessage, upgrade: Http1Upgrade): void => {
    route(
      request, upgrade.response, upgrade
    )
  }
  const stop = listenForUpgrades(
    server, routing, (request) => request.url === '/demo', (error) => { failures.push(error) },
    new Connections(endTimeout)
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<{ destroy (): void }>()
  server.on('connection', (socket) => { sockets.add(socket) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { server, stop, failures, port: (server.address() as AddressInfo).port }
}

/** Answers with a body larger than the buffers of the kernel. */
const writeMuch = (response: ServerResponse): void => {
  let left = 200
  const write = (): void => {
    while (left-- > 0) {
      if (response.write(Buffer.alloc(65_536))) continue
      response.once('drain', write)
      return
    }
    response.end()
  }
  write()
}

const ANSWER = {
  reason: 'Switching Protocols', headers: ['Upgrade', 'websocket', 'Connection', 'Upgrade'], body: undefined
}

t.test('a 101 hands over the stream with the bytes after the head', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    t.equal(upgrade.isConnected, true)
    response.setHeader('Connection', 'close')
    upgrade.accept({ ...ANSWER, body: Buffer.from('body') }, (stream, head) => { stream.write(head) })
    response.writeHead(101, { 'set-cookie': ['a=1', 'b=2'], 'content-length': '0' }).end()
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead() + 'early')
  t.equal(
    await client.readHead(),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n'
  )
  t.equal((await client.read(9)).toString(), 'bodyearly')
})

t.test('any other status is an ordinary answer, after which the connection ends', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    upgrade.accept(ANSWER, () => { t.fail('no socket') })
    response.writeHead(403, 'Go away', { 'x-why': 'because' }).end('{}')
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  const all = (await client.readEnd()).toString()
  t.match(all, /^HTTP\/1\.1 403 Go away\r\nx-why: because\r\n/)
  t.match(all, /\r\nconnection: close\r\n/i)
})

t.test('a refused peer that keeps its side open is disconnected', async (t) => {
  const { server, port } = await setUp(t, (_request, response) => { response.writeHead(403).end() }, 20)
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => { client.destroy() })
  client.write(upgradeHead())
  const [accepted] = await once(server, 'connection') as [Socket]
  await once(accepted, 'close')
  t.equal(accepted.readableEnded, false)
})

t.test('a body larger than the buffers of the kernel arrives complete', async (t) => {
  const { port } = await setUp(t, (_request, response) => { writeMuch(response) })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  t.ok((await client.readEnd()).length > 200 * 65_536)
})

t.test('readBody() waits for the bytes after the head', async (t) => {
  const bodies: string[] = []
  const asked = new EventEmitter()
  const { port } = await setUp(t, (_request, response, upgrade) => {
    setImmediate(() => { asked.emit('asked') })
    upgrade.readBody(4).then((body) => {
      bodies.push(body.toString())
      response.end()
    }, (error: { code: string }) => {
      bodies.push(error.code)
      response.end()
    })
  })
  const whole = new RawClient(t, port)
  whole.write(upgradeHead() + 'body and more')
  await whole.readEnd()
  const slow = new RawClient(t, port)
  slow.write(upgradeHead() + 's')
  await once(asked, 'asked')
  slow.write('low')
  await slow.readEnd()
  const ending = new RawClient(t, port)
  ending.write(upgradeHead() + 'bo')
  ending.socket.end()
  await ending.readEnd()
  t.same(bodies, ['body', 'slow', 'FST_WIRE_HANDSHAKE_TIMEOUT'])
})

t.test('an upgrade whose client has reset the connection opens no socket', async (t) => {
  let route = (_upgrade: Http1Upgrade): void => {}
  const routed = new Promise<Http1Upgrade>((resolve) => { route = resolve })
  const { port } = await setUp(t, (_request, _response, upgrade) => { route(upgrade) })
  const client = connect(port, '127.0.0.1')
  client.write(upgradeHead())
  const upgrade = await routed
  const stream = upgrade.response.socket!
  client.resetAndDestroy()
  stream.resume()
  await new Promise<void>((resolve) => { stream.once('close', () => { resolve() }) })
  t.equal(upgrade.isConnected, false)
  upgrade.accept(ANSWER, () => { t.fail('no socket') })
  upgrade.response.writeHead(101).end()
})

t.test('other listeners keep their paths and protocols; without them, a foreign protocol is ignored', async (t) => {
  const { server, stop, port } = await setUp(t, (_request, response) => { response.end('ours') })
  const ask = async (path: string, upgrade: string): Promise<string> => {
    const client = new RawClient(t, port)
    client.write(upgradeHead(path, { Upgrade: upgrade, Connection: 'Upgrade, close' }))
    return (await client.readEnd()).toString()
  }
  t.match(await ask('/demo', 'h2c'), /plain$/)
  server.on('upgrade', (request, socket) => {
    if (request.url !== '/demo' || request.headers.upgrade === 'h2c') socket.end('theirs')
  })
  t.match(await ask('/demo', 'websocket'), /ours$/)
  t.equal(await ask('/other', 'websocket'), 'theirs')
  t.equal(await ask('/demo', 'h2c'), 'theirs')
  stop()
  t.equal(server.listenerCount('upgrade'), 1)
})

t.test('a stream that an earlier listener has answered, or is answering, is ignored', async (t) => {
  const { server, port } = await setUp(t, () => { t.fail('not routed') })
  server.prependListener('upgrade', (request, socket) => {
    if (request.headers['x-cut'] !== undefined) {
      socket.destroy()
      return
    }
    const response = new ServerResponse(request)
    response.assignSocket(socket as Socket)
    setImmediate(() => {
      response.end('theirs')
      socket.end()
    })
  })
  const answered = new RawClient(t, port)
  answered.write(upgradeHead())
  t.match((await answered.readEnd()).toString(), /theirs$|theirs\r\n0\r\n\r\n$/)
  const cut = new RawClient(t, port)
  cut.write(upgradeHead('/demo', { 'X-Cut': 'yes' }))
  t.equal((await cut.readEnd()).length, 0)
})

t.test('an upgrade without an answer in time gets 503, and later answers are dropped', async (t) => {
  let expired = 0
  const responses: ServerResponse[] = []
  const { port } = await setUp(t, (_request, response, upgrade) => {
    responses.push(response)
    upgrade.limitTime(30, () => { expired++ })
    response.setHeader('x-by-hook', 'one')
    upgrade.accept(ANSWER, () => { t.fail('no socket') })
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  const all = (await client.readEnd()).toString()
  t.match(
    all, /^HTTP\/1\.1 503 Service Unavailable\r\nretry-after: 10\r\ncontent-type: application\/json; charset=utf-8\r\n/
  )
  t.notMatch(all, 'x-by-hook')
  t.same(JSON.parse(all.slice(all.indexOf('\r\n\r\n'))), {
    statusCode: 503,
    code: 'FST_WIRE_HANDSHAKE_UNANSWERED',
    error: 'Service Unavailable',
    message: 'The hooks of this URL did not answer the handshake within 30 ms'
  })
  t.equal(expired, 1)
  const [response] = responses
  response!.writeHead(101).end()
  response!.end('more')
  t.equal(response!.statusCode, 503)
})

t.test('a handshake whose body is late gets 408 from the handler', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    upgrade.limitTime(30, () => { t.fail('the hooks are not late') })
    upgrade.readBody(8).catch((error: { statusCode: number, message: string }) => {
      response.writeHead(error.statusCode).end(error.message)
    })
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead() + 'bytes')
  t.match(
    (await client.readEnd()).toString(), /^HTTP\/1\.1 408 [^]*\r\nThe handshake was not completed within 30 ms\r\n/
  )
})

t.test('a handshake whose body is late gets 503 if the handler does not answer', async (t) => {
  const { port } = await setUp(t, (_request, _response, upgrade) => {
    upgrade.limitTime(30, () => {})
    upgrade.readBody(8).catch(() => {})
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  t.match((await client.readEnd()).toString(), /^HTTP\/1\.1 503 /)
})

t.test('an answer that does not end in time is aborted', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    upgrade.limitTime(30, () => { t.fail('the answer has begun') })
    response.writeHead(403)
    response.write('begun')
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  t.match((await client.readEnd()).toString(), /begun/)
})

t.test('an upgrade that was answered in time, or whose client left, has no timer', async (t) => {
  const countTimers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = countTimers()
  let route = (_response: ServerResponse): void => {}
  const { port } = await setUp(t, (request, response, upgrade) => {
    upgrade.limitTime(600_000, () => {})
    if (request.url === '/demo') upgrade.accept(ANSWER, (stream) => { stream.end() })
    if (request.url === '/cut') route(response)
    else response.writeHead(request.url === '/demo' ? 101 : 403).end()
  })
  for (const path of ['/demo', '/other']) {
    const client = new RawClient(t, port)
    client.write(upgradeHead(path))
    await client.readEnd()
  }
  const routed = new Promise<ServerResponse>((resolve) => { route = resolve })
  const client = connect(port, '127.0.0.1')
  client.write(upgradeHead('/cut'))
  const { socket: stream } = await routed
  t.ok(countTimers() > before)
  const closed = new Promise<void>((resolve) => { stream!.once('close', () => { resolve() }) })
  stream!.resume()
  client.resetAndDestroy()
  await closed
  t.equal(countTimers(), before)
})

t.test('onceFinished() calls back once: for a refusal when it is answered, for a socket when it closes', async (t) => {
  const told: string[] = []
  let route = (_name: string): void => {}
  const { port } = await setUp(t, (request, response, upgrade) => {
    const name = request.url as string
    upgrade.onceFinished(() => {
      told.push(name)
      route(name)
    })
    if (name === '/demo') upgrade.accept(ANSWER, (stream) => { stream.on('error', () => {}).resume() })
    response.writeHead(name === '/demo' ? 101 : 403).end()
  })
  const next = () => new Promise<string>((resolve) => { route = resolve })
  const refused = new RawClient(t, port)
  let over = next()
  refused.write(upgradeHead('/refused'))
  t.equal(await over, '/refused')
  await refused.readEnd()
  const socket = new RawClient(t, port)
  await socket.upgrade('/demo')
  t.same(told, ['/refused'])
  over = next()
  socket.socket.resetAndDestroy()
  t.equal(await over, '/demo')
  t.same(told, ['/refused', '/demo'])
})

t.test('onceFinished() calls back at once if the connection has already closed', async (t) => {
  let route = (_upgrade: Http1Upgrade): void => {}
  const routed = new Promise<Http1Upgrade>((resolve) => { route = resolve })
  const { port } = await setUp(t, (_request, _response, upgrade) => { route(upgrade) })
  const client = connect(port, '127.0.0.1')
  client.write(upgradeHead())
  const upgrade = await routed
  const stream = upgrade.response.socket!
  const closed = new Promise<void>((resolve) => { stream.once('close', () => { resolve() }) })
  client.resetAndDestroy()
  stream.resume()
  await closed
  let isOver = false
  upgrade.onceFinished(() => { isOver = true })
  t.ok(isOver)
})

t.test('shouldUpgradeCallback accepts WebSocket upgrades, and others only if they have a listener', async (t) => {
  const before = (): boolean => true
  const server = Object.assign(createServer(), {
    shouldUpgradeCallback: before as (request: IncomingMessage) => boolean
  })
  const stop = listenForUpgrades(server, () => {}, () => true)
  const ask = (upgrade: string): boolean => server.shouldUpgradeCallback({ headers: { upgrade } } as IncomingMessage)
  t.same([ask('websocket'), ask('h2c')], [true, false])
  server.on('upgrade', () => {})
  t.same([ask('websocket'), ask('h2c')], [true, true])
  stop()
  t.equal(server.shouldUpgradeCallback, before)
})

t.test('errors of listeners after the client has left are reported', async (t) => {
  let route = (_upgrade: Http1Upgrade): void => {}
  const routed = new Promise<Http1Upgrade>((resolve) => { route = resolve })
  const { port, failures } = await setUp(t, (request, _response, upgrade) => {
    request.on('aborted', () => { throw new Error('of the listener') })
    route(upgrade)
  })
  const client = connect(port, '127.0.0.1')
  client.write(upgradeHead())
  const { response: { socket: stream } } = await routed
  const closed = new Promise<void>((resolve) => { stream!.once('close', () => { resolve() }) })
  client.resetAndDestroy()
  stream!.resume()
  await closed
  t.match(failures, [{ message: 'of the listener' }])
})

/** A server whose plain requests the test answers. */
const setUpPipelining = async (t: Test, route: Routing) => {
  const responses: ServerResponse[] = []
  const { server, port } = await setUp(t, route)
  server.removeAllListeners('request')
  server.on('request', (_request, response) => { responses.push(response) })
  const client = new RawClient(t, port)
  return {
    server,
    port,
    client,
    responses,
    plain: async (count: number) => { while (responses.length < count) await once(server, 'request') }
  }
}

const PLAIN = 'GET /plain HTTP/1.1\r\nHost: example.com\r\n\r\n'

t.test('a pipelined upgrade is answered after the requests before it', async (t) => {
  const { client, responses, plain } = await setUpPipelining(t, (_request, response, upgrade) => {
    upgrade.accept(ANSWER, (stream, head) => { stream.end(head) })
    response.writeHead(101).end()
  })
  client.write(PLAIN + PLAIN + upgradeHead('/demo') + 'early')
  await plain(2)
  // More than the buffers of the kernel take.
  const [first, second] = responses as [ServerResponse, ServerResponse]
  first.writeHead(200, { 'content-length': 200 * 65_536 })
  writeMuch(first)
  second.end('second')
  const all = (await client.readEnd()).toString('latin1')
  t.match(all, /second.*HTTP\/1\.1 101 .*early$/s)
})

t.test('a pipelined upgrade to another protocol is answered after the requests before it', async (t) => {
  const { client, responses, plain } = await setUpPipelining(t, () => { t.fail('not routed') })
  client.write(PLAIN + upgradeHead('/demo', { Upgrade: 'h2c', Connection: 'Upgrade, close' }))
  await plain(1)
  responses[0]!.end('first')
  await plain(2)
  responses[1]!.end('second')
  t.match((await client.readEnd()).toString(), /first.*second/s)
})

t.test('a pipelined upgrade after an answer with Connection: close is not answered', async (t) => {
  const { client, responses, plain } = await setUpPipelining(t, () => { t.fail('not routed') })
  client.write(PLAIN + upgradeHead('/demo'))
  await plain(1)
  responses[0]!.shouldKeepAlive = false
  responses[0]!.setHeader('connection', 'close')
  responses[0]!.end('last')
  t.match((await client.readEnd()).toString(), /last$/)
})

t.test('a reset of a connection whose upgrade is pending or ignored does no harm', async (t) => {
  const { server, port, responses, plain } = await setUpPipelining(t, () => { t.fail('not routed') })
  const waiting = connect(port, '127.0.0.1')
  const upgraded = once(server, 'upgrade')
  waiting.write(PLAIN + upgradeHead('/demo'))
  await plain(1)
  const [, stream] = await upgraded as [unknown, Socket]
  waiting.resetAndDestroy()
  stream.resume()
  await new Promise((resolve) => { stream.on('close', resolve) })
  responses[0]!.end('to nobody')
  server.on('upgrade', () => {})
  const nobodys = connect(port, '127.0.0.1')
  const other = once(server, 'upgrade')
  nobodys.write(upgradeHead('/other'))
  const [, left] = await other as [unknown, Socket]
  nobodys.resetAndDestroy()
  left.resume()
  await new Promise((resolve) => { left.on('close', resolve) })
})

t.test('readBody() does not wait for a client that has already ended', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    response.socket!.once('end', () => {
      upgrade.readBody(4).catch((error: { code: string }) => { response.end(error.code) })
    })
    response.socket!.resume()
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  client.socket.end()
  t.match((await client.readEnd()).toString(), /FST_WIRE_HANDSHAKE_TIMEOUT$/)
})

/** A connection in memory that records writes. */
const emitHandshake = (server: Server, head: string) => {
  const writes: string[] = []
  const stream = new Duplex({
    read () {},
    write (chunk, _encoding, callback) {
      writes.push(String(chunk))
      callback()
    },
    writev (chunks, callback) {
      writes.push(chunks.map(({ chunk }) => String(chunk)).join(''))
      callback()
    }
  })
  server.emit('connection', stream)
  const written = new Promise<void>((resolve) => { stream.on('finish', resolve) })
  stream.push(head)
  return { writes, written }
}

t.test('head and body of an answer leave in one write, for a handshake as for a refusal', async (t) => {
  const { server } = await setUp(t, (request, response, upgrade) => {
    upgrade.accept({ ...ANSWER, body: Buffer.from('digest') }, (stream) => { stream.end() })
    if (request.url === '/demo') response.writeHead(101).end()
    else response.writeHead(403, { 'content-length': 2 }).end('no')
  })
  for (const [path, pattern] of [
    ['/demo', /^HTTP\/1\.1 101 [^]*digest$/], ['/refused', /^HTTP\/1\.1 403 [^]*no$/]
  ] as const) {
    const { writes, written } = emitHandshake(server, upgradeHead(path))
    await written
    t.equal(writes.length, 1)
    t.match(writes[0], pattern)
  }
})

t.test('an invalid header throws and leaves the response unchanged, so that it can be answered again', async (t) => {
  const { port } = await setUp(t, (request, response, upgrade) => {
    if (request.url === '/demo') upgrade.accept(ANSWER, () => { t.fail('no socket') })
    const bad = { 'x-list': ['good', 'b\u2603d'] }
    t.throws(() => { response.writeHead(request.url === '/demo' ? 101 : 403, bad) }, { code: 'ERR_INVALID_CHAR' })
    response.writeHead(500, { 'content-length': 4 }).end('body')
  })
  for (const path of ['/demo', '/other']) {
    const client = new RawClient(t, port)
    client.write(upgradeHead(path))
    t.match((await client.readEnd()).toString(), /^HTTP\/1\.1 500 Internal Server Error\r\n[^]*body$/)
  }
})

t.test('headers of the reply override those of the response, and a 101 has no body and no trailers', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    response.setHeader('x-two', 'response')
    response.setHeader('trailer', 'x-trailer')
    upgrade.accept(ANSWER, (stream) => { stream.end() })
    response.statusCode = 101
    response.flushHeaders()
    response.writeHead(101, { 'x-two': 'late' })
    t.equal(response.write('no body'), false)
    t.equal(response.headersSent, true)
    response.end()
    t.equal(response.writableEnded, true)
    response.end()
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  t.equal(
    (await client.readEnd()).toString(),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nx-two: response\r\n\r\n'
  )
})

t.test('a status of 101 without a head accepts the handshake, by end() as by writeHead()', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    upgrade.accept(ANSWER, (stream) => { stream.end() })
    response.statusCode = 101
    response.end()
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  t.equal(
    (await client.readEnd()).toString(),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
  )
})

t.test('flushHeaders() sends the head of a 101 once, and that of other answers as Node does', async (t) => {
  let end = (): void => {}
  const { port } = await setUp(t, (request, response, upgrade) => {
    upgrade.accept(ANSWER, (stream) => { stream.end() })
    response.statusCode = request.url === '/demo' ? 101 : 403
    response.flushHeaders()
    response.flushHeaders()
    t.equal(response.headersSent, true)
    if (request.url === '/demo') response.end()
    else end = () => { response.end() }
  })
  const refused = new RawClient(t, port)
  refused.write(upgradeHead('/refused'))
  t.match(await refused.readHead(), /^HTTP\/1\.1 403 /)
  end()
  await refused.readEnd()
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  t.equal(
    (await client.readEnd()).toString(),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
  )
})

t.test('an answer that has begun does not become a 101', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    upgrade.accept(ANSWER, () => { t.fail('no socket') })
    response.writeHead(403)
    t.throws(() => { response.writeHead(101) }, { code: 'ERR_HTTP_HEADERS_SENT' })
    response.statusCode = 101
    response.flushHeaders()
    t.equal(upgrade.isAccepted, false)
    response.end('refused')
  })
  const client = new RawClient(t, port)
  client.write(upgradeHead())
  const all = (await client.readEnd()).toString()
  t.match(all, /^HTTP\/1\.1 403 /)
  t.notMatch(all, 'HTTP/1.1 101')
})

t.test('headersSent and writableEnded are right after a 101, whatever the prototype of the response', async (t) => {
  const { port } = await setUp(t, (_request, response, upgrade) => {
    Object.setPrototypeOf(response, Object.create(ServerResponse.prototype, {
      headersSent: { get: () => false },
      writableEnded: { get: () => false }
    }) as object)
    upgrade.accept(ANSWER, (stream) => { stream.end() })
    response.writeHead(101)
    t.same([response.headersSent, response.writableEnded], [true, false])
    response.end()
    t.equal(response.writableEnded, true)
  })
  const client = new RawClient(t, port)
  t.match(await client.upgrade(), /^HTTP\/1\.1 101 /)
})

t.test('an error before the 101 gets 500, an error after it closes the connection', async (t) => {
  const { port, failures } = await setUp(t, (request, response, upgrade) => {
    if (request.url !== '/demo') throw new Error(request.url)
    upgrade.accept(ANSWER, () => { throw new Error('/demo') })
    response.writeHead(101).end()
  })
  const failed = new RawClient(t, port)
  t.match(await failed.upgrade('/other'), /^HTTP\/1\.1 500 Internal Server Error\r\n/)
  const cut = new RawClient(t, port)
  t.match(await cut.upgrade('/demo'), /^HTTP\/1\.1 101 /)
  await cut.readEnd()
  t.match(failures, [{ message: '/other' }, { message: '/demo' }])
})

for (const isComplete of [true, false]) {
  t.test(`a body that Node.js parses is read before the stream, ${isComplete ? 'whole' : 'or as it comes'}`, async (t) => {
    const received: string[] = []
    let opened = (): void => {}
    const isOpen = new Promise<void>((resolve) => { opened = resolve })
    const { server } = await setUp(t, (_request, response, upgrade) => {
      upgrade.accept(ANSWER, (_stream, head) => {
        received.push(String(head))
        opened()
      })
      upgrade.readBody(8).then((body) => {
        received.push(String(body))
        response.writeHead(101).end()
      }, (error: unknown) => { t.error(error) })
    })
    const stream = new Duplex({ read () {}, write (_chunk, _encoding, done) { done() } })
    const request = new IncomingMessage(stream as Socket)
    const headers = { host: 'a', upgrade: 'websocket', connection: 'Upgrade', 'content-length': '8' }
    Object.assign(request, { method: 'GET', url: '/demo', headers, complete: isComplete })
    request.push('1234')
    server.emit('upgrade', request, stream, Buffer.from('frames'))
    request.push('5678')
    await isOpen
    t.same(received, ['12345678', 'frames'])
    t.equal(request.readableFlowing, !isComplete, 'the rest of a body is dropped')
  })
}
