import { readFileSync } from 'node:fs'
import t from 'tap'
import { isSocketOption, OPTIONS, optionRows, PLUGIN_OPTIONS, SOCKET_OPTIONS } from '../../lib/options/table.js'

t.test('the table of docs/options.md has every option, with its default, unit and sentence', async (t) => {
  const page = readFileSync(new URL('../../docs/options.md', import.meta.url), 'utf8')
  const rows = page.split('\n\n').find((part) => part.startsWith('| option |'))!.split('\n').slice(2)
  t.same(rows, optionRows())
})

t.test('an option that is not given has its default', async (t) => {
  for (const name of [
    'maxPayload', 'closeTimeout', 'handshakeTimeout', 'lifetimeJitter', 'onBinary', 'validateSend', 'decorator',
    'directIO'
  ] as const) {
    t.equal(OPTIONS[name].resolve(undefined), OPTIONS[name].default, name)
  }
  for (const name of ['heartbeat', 'backpressure', 'shutdown', 'versions'] as const) {
    t.same(OPTIONS[name].resolve(undefined), OPTIONS[name].default, name)
  }
})

t.test('options shared with @fastify/websocket are validated with the options of the plugin', async (t) => {
  const preClose = (): void => {}
  t.equal(OPTIONS.preClose.resolve(preClose), preClose)
})

t.test('socket options are separated from those of the plugin and of the Fastify route', async (t) => {
  for (const name of ['maxPayload', 'heartbeat', 'maxConnections']) t.ok(isSocketOption(name), name)
  for (const name of ['shutdown', 'schema']) t.notOk(isSocketOption(name), name)
  t.ok(PLUGIN_OPTIONS.includes('shutdown'))
  t.equal(SOCKET_OPTIONS.length + PLUGIN_OPTIONS.length, Object.keys(OPTIONS).length)
})
