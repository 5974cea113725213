// Test runners with a module system of their own: no transform, and no ES modules.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import t from 'tap'
import { blocksOf, blockWith } from '../fixtures/docs.js'
import { CONVERSATION, installPackage, run } from '../fixtures/package.js'

const { resolve } = createRequire(import.meta.url)
const JEST = join(dirname(resolve('jest/package.json')), 'bin/jest.js')
const VITEST = join(dirname(resolve('vitest/package.json')), 'vitest.mjs')

// By default a test has five seconds, which are not enough on a slow machine.
const JEST_OPTIONS = ['--runInBand', '--config', 'jest.config.json', '--testTimeout', '120000']
const VITEST_OPTIONS = ['--testTimeout', '120000', '--hookTimeout', '120000']

const REQUIRE = `
const { fastify } = require('fastify')
const fastifyWire = require('fastify-wire')
const { WebSocket } = require('ws')`

const IMPORT = `
import { fastify } from 'fastify'
import fastifyWire from 'fastify-wire'
import { WebSocket } from 'ws'
import { expect, test } from 'vitest'`

const TEST = `
test('a conversation', async () => {${CONVERSATION}
  expect(text).toBe('text')
  expect(bytes).toEqual([1, 2, 3])
})`

// The page about testing prints these tests and their configuration.
const printed = (name: string): string => blockWith('docs/testing.md', `// ${name}\n`)
const [jestConfig, jsdomConfig] = blocksOf('docs/testing.md').filter(({ language }) => language === 'json')
  .map(({ code }) => code) as [string, string]

// A page with the package's client: its WebSocket is that of jsdom, which sends the origin of the page.
const PAGE = `
const { fastify } = require('fastify')
const fastifyWire = require('fastify-wire')
const { LiveSocket } = require('fastify-wire/client')

test('a page converses by LiveSocket', async () => {
  expect(window.location.origin).toBe('http://localhost')
  const app = fastify()
  await app.register(fastifyWire, { origin: ['http://localhost'] })
  app.ws('/rooms/:id', { topic: true }, (socket) => {
    socket.on('message', (data) => { socket.publish(socket.topic, String(data)) })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = 'ws://127.0.0.1:' + app.server.address().port + '/rooms/7'
  const [ann, bob] = [new LiveSocket(url), new LiveSocket(url)]
  const next = (socket, type) => new Promise((resolve) => { socket.addEventListener(type, resolve, { once: true }) })
  await Promise.all([next(ann, 'subscribed'), next(bob, 'subscribed')])
  ann.send('hello')
  expect(await next(bob, 'message')).toMatchObject({ data: 'hello', topic: '/rooms/7' })
  const closed = [next(ann, 'close'), next(bob, 'close')]
  ann.close(1000)
  bob.close(4000, 'done')
  expect(await Promise.all(closed)).toMatchObject([{ code: 1000 }, { code: 4000, reason: 'done' }])
  await app.close()
})`

// A runner starts once for both environments, because that takes longer than its tests.

t.test('jest: require() loads the package without a transform, and sockets and LiveSockets converse', async (t) => {
  const directory = t.testdir({
    'package.json': '{}',
    'jest.config.json': JSON.stringify({ projects: ['<rootDir>/node', '<rootDir>/jsdom'], watchman: false }),
    node: { 'jest.config.json': jestConfig, 'app.test.cjs': REQUIRE + TEST, 'jest.test.cjs': printed('jest.test.cjs') },
    jsdom: { 'jest.config.json': jsdomConfig, 'jest.setup.cjs': printed('jest.setup.cjs'), 'page.test.cjs': PAGE }
  })
  await installPackage(directory)
  const { passed, output } = await run(directory, JEST, ...JEST_OPTIONS)
  t.ok(passed, output)
  t.match(output, /Tests: +3 passed/)
  for (const file of ['node/app', 'node/jest', 'jsdom/page']) t.match(output, `PASS ${file}.test.cjs`)
})

t.test('vitest: the package is imported, and a socket converses, in the environments node and jsdom', async (t) => {
  const projects = ['node', 'jsdom'].map((name) => ({ test: { name, environment: name } }))
  const directory = t.testdir({
    'package.json': '{ "type": "module" }',
    'vitest.config.js': `export default ${JSON.stringify({ test: { projects } })}`,
    'app.test.js': `${IMPORT}
test('the environment', () => { console.log('tested in', globalThis.window?.navigator.userAgent ?? 'Node.js') })
${TEST}`,
    'app.js': printed('app.js'),
    'vitest.test.js': printed('vitest.test.js')
  })
  await installPackage(directory)
  const { passed, output } = await run(directory, VITEST, 'run', ...VITEST_OPTIONS)
  t.ok(passed, output)
  t.match(output, /Tests +8 passed/)
  t.match(output, 'tested in Node.js')
  t.match(output, /tested in .*jsdom/)
})

t.test('node:test and tap: the tests in the documentation pass', async (t) => {
  for (const [name, count] of [['node.test.js', 2], ['tap.test.js', 1]] as const) {
    const directory = t.testdir({
      'package.json': '{ "type": "module" }', 'app.js': printed('app.js'), [name]: printed(name)
    })
    await installPackage(directory)
    const { passed, output } = await run(directory, '--test-reporter=tap', name)
    t.ok(passed, output)
    t.equal(output.match(/^ok /gm)?.length, count, name)
  }
})
