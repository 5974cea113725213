import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { keepAlive, unsentBytes } from '../../lib/transport/liveness.js'

t.test('the number of unread bytes shrinks as the peer reads', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.pause()
  const [accepted] = await once(server, 'connection') as [Socket]
  t.teardown(() => { accepted.destroy(); client.destroy() })
  t.equal(unsentBytes(accepted), 0)
  accepted.write(Buffer.alloc(16_777_216))
  const waiting = unsentBytes(accepted)
  t.ok(waiting > 1_000_000)
  let read = 0
  client.on('data', (bytes) => {
    read += bytes.length
    if (unsentBytes(accepted) < waiting) client.emit('less')
  })
  client.resume()
  await once(client, 'less')
  t.ok(unsentBytes(accepted) > 0)
  t.ok(read > 0)
  keepAlive(accepted, 1_000)
})

t.test('a stream without a kernel socket reports its own buffer', async (t) => {
  const stream = new Duplex({ read () {}, write () {} })
  keepAlive(stream, 1_000)
  t.equal(unsentBytes(stream), 0)
  stream.write('abc')
  t.equal(unsentBytes(stream), 3)
})

t.test('over HTTP/2 progress of the connection counts while bytes are pending', async (t) => {
  const socket = { bytesRead: 10, bytesWritten: 20 }
  const stream = { rstCode: 0, writableLength: 5, session: { socket } } as unknown as Duplex
  t.equal(unsentBytes(stream), 35)
  socket.bytesRead++
  t.equal(unsentBytes(stream), 36)
  t.equal(unsentBytes({ rstCode: 0, writableLength: 0, session: { socket } } as unknown as Duplex), 0)
})
