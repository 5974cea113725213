import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { FANOUT_MESSAGE } from '../payload.js'
import { serve } from './serve.js'

serve(async ({ deflate }, certificate) => {
  const server = certificate === undefined ? createHttpServer() : createHttpsServer(certificate)
  const sockets = new WebSocketServer({ server, perMessageDeflate: deflate })
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => {})
    if (request.url === '/fanout') {
      socket.on('message', (data) => {
        for (let count = Number(String(data)); count > 0; count--) {
          for (const receiver of sockets.clients) receiver.send(FANOUT_MESSAGE)
        }
      })
    } else {
      socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
})
