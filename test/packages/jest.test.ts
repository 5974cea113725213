// Test runners with a module system of their own: no transform, and no ES modules.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import t from 'tap'
import { blocksOf, blockWith } from '../fixtures/docs.js'
import { CONVERSATION, installPackage, run } from '../fixtures/package.js'

const { resolve } = createRequire(import.meta.url)
const JEST = join(dirname(resolve('jest/package.json')), 'bin/jest.js')
const VITEST = join(dirname(resolve('vitest/package.json')), 'vitest.mjs')

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
const jestConfig = blocksOf('docs/testing.md').find(({ language }) => language === 'json')!.code

t.test('jest: require() loads the package without a transform, and a socket exchanges messages', async (t) => {
  const directory = t.testdir({
    'package.json': '{}',
    'jest.config.json': JSON.stringify({ ...JSON.parse(jestConfig), watchman: false }),
    'app.test.cjs': REQUIRE + TEST,
    'jest.test.cjs': printed('jest.test.cjs')
  })
  await installPackage(directory)
  const { passed, output } = await run(directory, JEST, '--runInBand', '--config', 'jest.config.json')
  t.ok(passed, output)
  t.match(output, /Tests: +2 passed/)
})

for (const environment of ['node', 'jsdom']) {
  t.test(`vitest: the package is imported, and a socket converses, in the environment ${environment}`, async (t) => {
    const directory = t.testdir({
      'package.json': '{ "type": "module" }',
      'vitest.config.js': `export default { test: { environment: '${environment}' } }`,
      'app.test.js': IMPORT + TEST,
      'app.js': printed('app.js'),
      'vitest.test.js': printed('vitest.test.js')
    })
    await installPackage(directory)
    const { passed, output } = await run(directory, VITEST, 'run')
    t.ok(passed, output)
    t.match(output, /Tests +3 passed/)
  })
}

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
