// NestJS on Fastify, whose adapter always has a constraint strategy of its own, with a WebSocket gateway beside our
// sockets.
import 'reflect-metadata'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { Controller, Get, Module, Version, VersioningType } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { WsAdapter } from '@nestjs/platform-ws'
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { fastifyWire } from '../../index.js'

/** Decorates a method as its syntax would, which needs no option of the compiler. */
function decorate (owner: { prototype: object }, name: string, ...decorators: MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner.prototype, name) as PropertyDescriptor
  for (const decorator of decorators) decorator(owner.prototype, name, descriptor)
}

class Slider {
  read (): object { return { value: 50 } }
  readSecond (): object { return { value: 'second' } }
}
decorate(Slider, 'read', Get(), Version('1'))
decorate(Slider, 'readSecond', Get(), Version('2'))
Controller('slider')(Slider)

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/**
 * A Nest application with a gateway, and a socket of ours at the URL of a controller.
 * @param gatewayPort the port of the gateway, which shares the application's without one
 */
async function createNest (t: Test, gatewayPort?: number): Promise<string> {
  class Gateway {
    greet (_client: unknown, name: string): object { return { event: 'greeted', data: `hello ${name}` } }
  }
  decorate(Gateway, 'greet', SubscribeMessage('greet'))
  const options = { path: '/gateway' }
  const gateway = gatewayPort === undefined ? WebSocketGateway(options) : WebSocketGateway(gatewayPort, options)
  gateway(Gateway)
  class App {}
  Module({ controllers: [Slider], providers: [Gateway] })(App)

  const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), { logger: false })
  t.teardown(() => app.close())
  app.enableVersioning({ type: VersioningType.HEADER, header: 'Accept-Version' })
  app.useWebSocketAdapter(new WsAdapter(app))
  // Nest may bring a Fastify of its own, whose types are not those that the plugin adds to.
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance
  await fastify.register(fastifyWire, { closeTimeout: 500 })
  fastify.ws(
    '/slider', (socket) => { socket.on('message', (data, isBinary) => { socket.send(data, { binary: isBinary }) }) }
  )
  fastify.get('/drop-in', { websocket: true }, (socket) => { socket.send('drop-in') })
  await app.listen(0, '127.0.0.1')
  return `127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`
}

async function talk (url: string, message?: string): Promise<string> {
  const client = new WebSocket(url)
  const received = once(client, 'message')
  if (message !== undefined) client.once('open', () => { client.send(message) })
  const [data] = await received
  client.close()
  await once(client, 'close')
  return String(data)
}

for (const isShared of [true, false]) {
  t.test(`NestJS has our sockets and a gateway on ${isShared ? 'the same' : 'another'} port`, async (t) => {
    const gatewayPort = isShared ? undefined : await freePort()
    const host = await createNest(t, gatewayPort)
    const gatewayHost = isShared ? host : `127.0.0.1:${gatewayPort}`
    t.same(await (await fetch(`http://${host}/slider`, { headers: { 'accept-version': '1' } })).json(), { value: 50 })
    t.same(await (await fetch(`http://${host}/slider`, {
      headers: { 'accept-version': '2' }
    })).json(), { value: 'second' })
    t.equal(await talk(`ws://${host}/slider`, 'hello'), 'hello')
    t.equal(await talk(`ws://${host}/drop-in`), 'drop-in')
    const greeted = await talk(`ws://${gatewayHost}/gateway`, JSON.stringify({ event: 'greet', data: 'Ada' }))
    t.same(JSON.parse(greeted), { event: 'greeted', data: 'hello Ada' })
    t.equal(await talk(`ws://${host}/slider`, 'again'), 'again')
  })
}
