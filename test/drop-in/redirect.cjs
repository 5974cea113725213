'use strict'

// Loaded before the suite of @fastify/websocket: what it requires as its own package is ours, and the tests that
// FASTIFY_WIRE_SKIP names are skipped, because some of them end the process where ours differs.
const Module = require('node:module')
const { join } = require('node:path')

const SUITE = join('node_modules', '@fastify', 'websocket', 'test')
const skipped = new Set(JSON.parse(process.env.FASTIFY_WIRE_SKIP))
const { _resolveFilename: resolve, _load: load } = Module

const isSuite = (parent) => parent?.filename?.includes(SUITE) === true

Module._resolveFilename = function (request, parent, ...rest) {
  return resolve.call(this, request === '..' && isSuite(parent) ? process.env.FASTIFY_WIRE : request, parent, ...rest)
}

Module._load = function (request, parent, ...rest) {
  const loaded = load.call(this, request, parent, ...rest)
  if (request !== 'node:test' || !isSuite(parent)) return loaded
  const test = (name, ...args) => skipped.has(name) ? loaded.test(name, { skip: true }) : loaded.test(name, ...args)
  return { ...loaded, test }
}
