import { once } from 'node:events'
import { createServer as createNetServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { FANOUT_MESSAGE } from '../payload.js'
import { serve } from './serve.js'

// The lower bound in Node.js: no frame is decoded or encoded. The load always sends the key of RFC 6455 §1.3, so all
// handshakes have the same answer.
const ANSWER = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

// A binary frame with a length of 16 bits.
const FRAME = Buffer.concat([
  Buffer.from([0x82, 126, FANOUT_MESSAGE.length >> 8, FANOUT_MESSAGE.length & 0xff]), FANOUT_MESSAGE
])

serve(async (_mode, certificate) => {
  const receivers = new Set<Socket>()
  const onConnection = (socket: Socket): void => {
    socket.on('error', () => {})
    socket.once('data', (head: Buffer) => {
      socket.write(ANSWER)
      if (head.includes('/fanout')) receive(socket, receivers)
      else socket.on('data', (bytes: Buffer) => { socket.write(bytes) })
    })
  }
  const options = { noDelay: true }
  const server = certificate === undefined
    ? createNetServer(options, onConnection)
    : createTlsServer({ ...options, ...certificate }, onConnection)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
})

function receive (socket: Socket, receivers: Set<Socket>): void {
  receivers.add(socket)
  socket.on('close', () => { receivers.delete(socket) })
  // All messages of a tick in one buffer.
  let bytes = FRAME
  let count = 1
  socket.on('data', (trigger: Buffer) => {
    // The payload is one digit, masked.
    const asked = ((trigger[6] as number) ^ (trigger[2] as number)) & 0x0f
    if (asked !== count) {
      count = asked
      bytes = Buffer.concat(new Array<Buffer>(count).fill(FRAME))
    }
    for (const receiver of receivers) receiver.write(bytes)
  })
}
