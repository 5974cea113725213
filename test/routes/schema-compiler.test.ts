import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { messageCompiler, type Compile, type Validate } from '../../lib/routes/schema-compiler.js'

interface AjvOfPlugin { addFormat (name: string, format: RegExp): void }

const ROUTE = { method: 'GET', url: '/demo', httpPart: 'body' }

async function readyApp (
  t: Test, options: FastifyServerOptions = {}, declare?: (app: FastifyInstance) => void
): Promise<FastifyInstance> {
  const app = Fastify(options)
  t.teardown(() => app.close())
  declare?.(app)
  await app.ready()
  return app
}

function compile (app: FastifyInstance, schema: unknown, custom?: Record<string, unknown>): Validate {
  return messageCompiler(app, undefined, custom)({ ...ROUTE, schema })
}

t.test('the compiler of a route takes precedence over all others', async (t) => {
  const ofRoute: Compile = () => () => true
  const app = await readyApp(t, {}, (app) => { app.setValidatorCompiler(() => () => true) })
  t.equal(messageCompiler(app, ofRoute), ofRoute)
})

t.test('the compiler that an application sets takes precedence over the default, also in inner plugins', async (t) => {
  const ofApp = (): (() => boolean) => () => true
  let inner: FastifyInstance | undefined
  const app = await readyApp(t, {}, (app) => {
    app.register(async (instance) => { inner = instance })
    app.setValidatorCompiler(ofApp)
  })
  t.equal(messageCompiler(app), ofApp)
  t.not(messageCompiler(inner as FastifyInstance), undefined)
  let below: FastifyInstance | undefined
  await readyApp(t, {}, (app) => {
    app.setValidatorCompiler(ofApp)
    app.register(async (instance) => { below = instance })
  })
  t.equal(messageCompiler(below as FastifyInstance), ofApp)
})

t.test('the compiler factory of an application takes precedence over the default, and gets its schemas', async (t) => {
  const seen: unknown[] = []
  const buildValidator = (schemas: unknown, options: unknown): Compile => {
    seen.push([schemas, options])
    return ({ schema }) => (value) => schema === value
  }
  const schemaController = { compilersFactory: { buildValidator: buildValidator as never } }
  const app = await readyApp(t, { schemaController }, (app) => {
    app.addSchema({ $id: 'shared', type: 'integer' })
  })
  t.equal(compile(app, 'a schema of its own')('a schema of its own'), true)
  t.match(seen, [[{ shared: { type: 'integer' } }, { plugins: [] }]])
})

t.test('the default compiler converts and removes nothing, and has defaults and the formats of Fastify', async (t) => {
  const app = await readyApp(t)
  const validate = compile(app, {
    type: 'object',
    properties: {
      n: { type: 'integer' },
      at: { type: 'string', format: 'date-time' },
      y: { type: 'integer', default: 7 }
    },
    additionalProperties: false
  })
  for (const value of [{ n: '1' }, { n: null }, { n: [1] }, { z: 1 }, { at: 'today' }]) t.equal(validate(value), false)
  const value = { n: 1, at: '2026-01-01T00:00:00Z' }
  t.equal(validate(value), true)
  t.same(value, { n: 1, at: '2026-01-01T00:00:00Z', y: 7 })
})

t.test('with a discriminator, the default compiler validates only the named kind', async (t) => {
  const app = await readyApp(t)
  const byKind = compile(app, {
    type: 'object',
    required: ['kind'],
    discriminator: { propertyName: 'kind' },
    oneOf: [{ properties: { kind: { const: 'a' } } }, { properties: { kind: { const: 'b' }, n: { type: 'integer' } } }]
  })
  t.equal(byKind({ kind: 'b', n: '1' }), false)
  t.match(byKind.errors, [{ instancePath: '/n' }])
})

t.test('the default compiler has the options, plugins and shared schemas of the application', async (t) => {
  const app = await readyApp(t, {
    ajv: {
      customOptions: { allErrors: true, coerceTypes: true, keywords: ['x-note'] },
      plugins: [(ajv: AjvOfPlugin) => ajv.addFormat('seat', /^\d+[A-F]$/)],
      onCreate: (ajv: AjvOfPlugin) => { ajv.addFormat('gate', /^G\d+$/) }
    } as unknown as NonNullable<FastifyServerOptions['ajv']>
  }, (app) => { app.addSchema({ $id: 'seat', type: 'string', format: 'seat' }) })
  const validate = compile(app, {
    type: 'object',
    'x-note': 'for a reader',
    properties: { seat: { $ref: 'seat#' }, gate: { type: 'string', format: 'gate' }, n: { type: 'integer' } }
  })
  t.equal(validate({ seat: '7A', gate: 'G5', n: '5' }), true)
  t.equal(validate({ seat: '7', gate: '5' }), false)
  t.match(validate.errors, [{ instancePath: '/seat' }, { instancePath: '/gate' }])
  const schema = { type: 'object', properties: { n: { type: 'integer', default: 7 } } }
  const uncoerced = compile(app, schema, { coerceTypes: false, useDefaults: false })
  const value = {}
  t.equal(uncoerced(value), true)
  t.same(value, {})
  t.equal(uncoerced({ n: '5' }), false)
})

t.test('the default compiler accepts the dialect that Zod names, and JTD if the application enables it', async (t) => {
  const app = await readyApp(t)
  const $schema = 'https://json-schema.org/draft/2020-12/schema'
  t.equal(compile(app, { $schema, type: 'integer' })(5), true)
  t.throws(() => compile(app, { $schema, type: 'array', prefixItems: [] }), /unknown keyword: "prefixItems"/)
  t.equal(compile(app, { $schema: 'http://json-schema.org/draft-07/schema#', type: 'integer' })(5), true)
  t.equal(compile(app, true)(5), true)
  const jtd = await readyApp(t, { ajv: { mode: 'JTD' } as unknown as NonNullable<FastifyServerOptions['ajv']> })
  const validate = compile(jtd, { properties: { n: { type: 'int32' } } })
  t.equal(validate({ n: 1 }), true)
  t.equal(validate({ n: '1' }), false)
})

t.test('request schemas are still coerced', async (t) => {
  const app = await readyApp(t, {}, (app) => {
    const params = { type: 'object', properties: { id: { type: 'integer' } } }
    app.get('/:id', { schema: { params } }, async (request) => request.params)
  })
  t.equal(compile(app, { type: 'object', properties: { id: { type: 'integer' } } })({ id: '5' }), false)
  t.same((await app.inject('/5')).json(), { id: 5 })
})

t.test('a Fastify version that keeps its compilers elsewhere causes an error that says so', async (t) => {
  const half = { [Symbol('fastify.schemaController')]: {} }
  for (const instance of [{}, half] as unknown[]) {
    t.throws(() => messageCompiler(instance as FastifyInstance), {
      code: 'FST_WIRE_COMPILER', message: /validatorCompiler/
    })
  }
})
