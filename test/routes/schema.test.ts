import { once } from 'node:events'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { z } from 'zod'
import { TypeBoxValidatorCompiler, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { fastifyWire, type SocketRouteOptions, type WireSocket } from '../../index.js'
import { MessageSchemas, toReason } from '../../lib/routes/schema.js'
import { createApp } from '../fixtures/app.js'

const MOVE = {
  type: 'object',
  required: ['x'],
  properties: { x: { type: 'integer', maximum: 100 }, y: { type: 'integer', default: 7 } },
  additionalProperties: false
}

interface Talk {
  readonly app: FastifyInstance
  readonly client: WireSocket
  readonly socket: WireSocket
  /** What the listener got. */
  readonly values: unknown[]
  readonly errors: Array<Error & Record<string, unknown>>
}

/** A client of a route; what the route receives is kept. */
async function talk (t: Test, options: SocketRouteOptions, app?: FastifyInstance): Promise<Talk> {
  app ??= await createApp(t)
  const values: unknown[] = []
  const errors: Talk['errors'] = []
  const opened = new Promise<WireSocket>((resolve) => {
    (app as FastifyInstance).ws('/demo', options, (socket: WireSocket) => {
      socket.on('message', (value, isBinary) => { values.push(isBinary ? { binary: value } : value) })
      resolve(socket)
    })
  })
  const client = await app.injectWS('/demo')
  t.teardown(() => { client.terminate() })
  return { app, client, socket: await opened, values, errors }
}

/** How the peer was closed, after it sent these. */
async function closeAfter (client: WireSocket, ...messages: Array<string | Buffer>): Promise<[number, string]> {
  const closed = once(client, 'close')
  for (const message of messages) client.send(message)
  const [code, reason] = await closed
  return [code, String(reason)]
}

/** The messages up to this one have been received. */
async function settled (client: WireSocket): Promise<void> {
  client.ping()
  await once(client, 'pong')
}

const textOf = async (client: WireSocket): Promise<string> => String((await once(client, 'message'))[0])

t.test('the listener receives the parsed value, with defaults for missing properties', async (t) => {
  const { additionalProperties, ...open } = MOVE
  const { client, values } = await talk(t, { schema: { message: open } })
  client.send('{"x":1}')
  client.send('\u{FEFF}{"x":2,"y":3,"z":4}')
  await settled(client)
  t.same(values, [{ x: 1, y: 7 }, { x: 2, y: 3, z: 4 }])
})

t.test('validation converts no types and removes no properties', async (t) => {
  const closed: unknown[] = []
  for (const text of ['{"x":"2"}', '{"x":null}', '{"x":true}', '{"x":[2]}', '{"x":1,"z":4}']) {
    const { client } = await talk(t, { schema: { message: MOVE } })
    closed.push(await closeAfter(client, text))
  }
  t.same(closed, [
    ...Array<unknown>(4).fill([1008, 'message/x must be integer']),
    [1008, 'message must NOT have additional properties']
  ])
  const whole = await talk(t, { schema: { message: { type: 'integer' } } })
  t.same(await closeAfter(whole.client, '"5"'), [1008, 'message must be integer'])
})

t.test('an application with coerceTypes in its Ajv options gets coercion', async (t) => {
  const app = await createApp(t, {}, { ajv: { customOptions: { coerceTypes: true, removeAdditional: true } } })
  const { client, values } = await talk(t, { schema: { message: MOVE } }, app)
  client.send('{"x":"2","z":4}')
  await settled(client)
  t.same(values, [{ x: 2, y: 7 }])
  const whole = await createApp(t, {}, { ajv: { customOptions: { coerceTypes: true } } })
  const ofWhole = await talk(t, { schema: { message: { type: 'integer' } } }, whole)
  ofWhole.client.send('"5"')
  await settled(ofWhole.client)
  t.same(ofWhole.values, [5])
})

t.test('a message that does not match the schema closes 1008 with the sentence of the validator', async (t) => {
  const { client, values } = await talk(t, { schema: { message: MOVE } })
  t.same(await closeAfter(client, '{"x":1}', '{"x":101}', '{"x":102}', '{"x":2}'), [1008, 'message/x must be <= 100'])
  t.same(values[0], { x: 1, y: 7 })
})

t.test('a message that is not JSON closes 1007', async (t) => {
  const { client, values } = await talk(t, { schema: { message: MOVE } })
  const [code, reason] = await closeAfter(client, 'hello')
  t.equal(code, 1007)
  t.match(reason, /^A message is not acceptable JSON: .*/)
  t.same(values, [])
})

t.test('JSON that would change a prototype is refused, unless the application allows it', async (t) => {
  const message = { type: 'object', properties: { a: { type: 'object' } } }
  const strict = await talk(t, { schema: { message } })
  t.match(await closeAfter(strict.client, '{"a":{"__proto__":{"b":1}}}'), [1007, /forbidden prototype property/])
  const strictToo = await talk(t, { schema: { message } })
  t.match(await closeAfter(strictToo.client, '{"a":{"constructor":{"prototype":{"b":1}}}}'), [
    1007, /forbidden prototype property/
  ])
  const lenient = Fastify({ onProtoPoisoning: 'remove', onConstructorPoisoning: 'remove' })
  t.teardown(() => lenient.close())
  await lenient.register(fastifyWire)
  const { client, values } = await talk(t, { schema: { message } }, lenient)
  client.send('{"a":{"__proto__":{"b":1},"c":2}}')
  await settled(client)
  t.strictSame(values, [{ a: { c: 2 } }])
})

t.test('a binary message closes 1003, unless binary is passed', async (t) => {
  const { client } = await talk(t, { schema: { message: MOVE } })
  t.same(await closeAfter(client, Buffer.from('{"x":1}')), [1003, 'This socket accepts JSON text, not binary messages'])
  const passing = await talk(t, { schema: { message: MOVE }, onBinary: 'pass' })
  passing.client.send(Buffer.from([1]))
  passing.client.send('{"x":1}')
  await settled(passing.client)
  t.same(passing.values, [{ binary: Buffer.from([1]) }, { x: 1, y: 7 }])
})

t.test("with onInvalid: 'reply' the peer receives the error, and the socket stays open", async (t) => {
  const { client, values } = await talk(t, { schema: { message: MOVE, send: MOVE }, onInvalid: 'reply' })
  client.send('{"x":101}')
  t.same(JSON.parse(await textOf(client)), {
    statusCode: 400, code: 'FST_WIRE_MESSAGE_SCHEMA', error: 'Bad Request', message: 'message/x must be <= 100'
  })
  client.send('')
  t.match(JSON.parse(await textOf(client)), { statusCode: 400, code: 'FST_WIRE_MESSAGE_JSON' })
  client.send(Buffer.from([1]))
  t.match(JSON.parse(await textOf(client)), { statusCode: 400, code: 'FST_WIRE_MESSAGE_BINARY' })
  client.send('{"x":1}')
  await settled(client)
  t.same(values, [{ x: 1, y: 7 }])
})

t.test('an errorHandler receives the errors of the validator, and decides', async (t) => {
  const errors: unknown[] = []
  const errorHandler = (error: Error) => { errors.push(error) }
  const { client, values } = await talk(t, { schema: { message: MOVE }, errorHandler })
  for (const message of ['{}', '[', '{"x":1}']) client.send(message)
  await settled(client)
  t.match(errors, [
    {
      code: 'FST_WIRE_MESSAGE_SCHEMA',
      statusCode: 400,
      closeCode: 1008,
      message: "message must have required property 'x'",
      validationContext: 'message',
      validation: [{ keyword: 'required' }]
    },
    { code: 'FST_WIRE_MESSAGE_JSON', statusCode: 400, closeCode: 1007 }
  ])
  t.same(values, [{ x: 1, y: 7 }])
  const closing = await talk(t, { schema: { message: MOVE }, errorHandler, onInvalid: 'close' })
  t.match(await closeAfter(closing.client, '{}'), [1008])
  t.equal(errors.length, 2)
})

t.test('all validation errors are reported with allErrors, formatted by the schemaErrorFormatter', async (t) => {
  const app = Fastify({ ajv: { customOptions: { allErrors: true } } })
  t.teardown(() => app.close())
  await app.register(fastifyWire)
  const { client } = await talk(t, { schema: { message: { ...MOVE, required: ['a', 'b'] } } }, app)
  t.same(await closeAfter(client, '{}'), [
    1008, "message must have required property 'a', message must have required property 'b'"
  ])
  const formatted = await talk(t, {
    schema: { message: MOVE }, schemaErrorFormatter: (errors, part) => new Error(`${part} has ${errors.length} errors`)
  })
  t.same(await closeAfter(formatted.client, '{}'), [1008, 'message has 1 errors'])
})

t.test('a $ref finds shared schemas, also those of an inner context', async (t) => {
  const app = await createApp(t)
  app.addSchema({ $id: 'outer', type: 'integer' })
  // Fastify has a compiler for the outer context: that of the inner one knows more.
  app.get('/other/:id', {
    schema: { params: { type: 'object', properties: { id: { $ref: 'outer#' } } } }
  }, async () => '')
  let inner: FastifyInstance | undefined
  await app.register(async (scope) => {
    scope.addSchema({ $id: 'inner', type: 'object', required: ['n'], properties: { n: { $ref: 'outer#' } } })
    inner = scope
  })
  const { client, socket, values } = await talk(t, {
    schema: { message: { $ref: 'inner#' }, send: { $ref: 'inner#' } }
  }, inner)
  client.send('{"n":1}')
  await settled(client)
  t.same(values, [{ n: 1 }])
  socket.send({ n: '5', m: 6 } as never)
  t.equal(await textOf(client), '{"n":5}')
  t.match(await closeAfter(client, '{"n":"1"}'), [1008, 'message/n must be integer'])
})

t.test('the compilers of the route and of the instance are used', async (t) => {
  const parts: unknown[] = []
  const compiler = ({ schema, httpPart }: { schema: unknown, httpPart?: string }) => {
    parts.push([schema, httpPart])
    return (value: unknown) => value === 'bad'
      ? { error: new Error('it is bad') }
      : value === 'ugly'
        ? {
            error: [{ message: 'is ugly' }]
          }
        : value === 'false'
          ? false
          : value === 'odd'
            ? undefined as never
            : value === 'same'
              ? {}
              : {
                  value: [schema, value]
                }
  }
  const message = Symbol('a schema of another kind')
  const ofRoute = await talk(t, {
    schema: { message, send: 'sent' },
    validatorCompiler: compiler as never,
    serializerCompiler: ({ schema, httpStatus }) =>
      (value: unknown) => `${String(schema)} ${httpStatus} ${String(value)}`
  })
  for (const text of ['"good"', '"same"', '"odd"']) ofRoute.client.send(text)
  await settled(ofRoute.client)
  t.same(parts, [[message, 'body']])
  t.same(ofRoute.values, [[message, 'good'], 'same', 'odd'])
  ofRoute.socket.send('x')
  t.equal(await textOf(ofRoute.client), 'sent 101 x')
  t.same(await closeAfter(ofRoute.client, '"bad"'), [1008, 'it is bad'])
  for (const [text, reason] of [['"ugly"', 'message is ugly'], ['"false"', 'message is not valid']] as const) {
    const client = await ofRoute.app.injectWS('/demo')
    t.same(await closeAfter(client, text), [1008, reason])
  }

  const app = await createApp(t)
  app.setValidatorCompiler(TypeBoxValidatorCompiler as never)
  app.setSerializerCompiler(() => JSON.stringify)
  const schema = Type.Object({ x: Type.Integer() })
  const ofInstance = await talk(t, { schema: { message: schema, send: schema } }, app)
  ofInstance.client.send('{"x":1}')
  await settled(ofInstance.client)
  t.same(ofInstance.values, [{ x: 1 }])
  t.throws(() => { ofInstance.socket.send(undefined as never) }, {
    code: 'FST_WIRE_SEND_SCHEMA', message: /it is undefined/
  })
  t.match(await closeAfter(ofInstance.client, '{"x":"one"}'), [1008])
})

t.test('an error thrown by a validator is an error of the application', async (t) => {
  const errors: unknown[] = []
  const { client } = await talk(t, {
    schema: { message: {} },
    validatorCompiler: () => () => { throw new Error('broken') },
    errorHandler: (error, socket) => { errors.push(error); socket.close(1011) }
  })
  t.match(await closeAfter(client, '1'), [1011])
  t.match(errors, [{ message: 'broken' }])
})

t.test('an asynchronous schema is refused at its first use', async (t) => {
  const errors: unknown[] = []
  const errorHandler = (error: Error) => { errors.push(error) }
  const { client } = await talk(t, { schema: { message: { $async: true, type: 'object' } }, errorHandler })
  client.send('1')
  client.send('{}')
  await settled(client)
  t.match(errors, [{ code: 'FST_WIRE_ASYNC_SCHEMA', message: /\/demo/ }, { code: 'FST_WIRE_ASYNC_SCHEMA' }])
})

t.test('a schema that cannot be compiled makes app.ready() reject', async (t) => {
  for (const [schema, code] of [
    [{ message: { type: 'nothing' } }, 'FST_WIRE_SCHEMA'],
    [{ send: { $ref: 'nowhere#' } }, 'FST_ERR_SCH_SERIALIZATION_BUILD']
  ] as const) {
    const app = Fastify()
    await app.register(fastifyWire)
    app.ws('/demo', { schema }, () => {})
    await t.rejects(Promise.resolve(app.ready()), { code, message: /\/demo/ })
  }
})

t.test('the other schemas of the route apply to its handshake', async (t) => {
  const app = await createApp(t)
  const seen: unknown[] = []
  app.addHook('onRoute', (route) => { seen.push(route.schema) })
  const schema = {
    querystring: { type: 'object', required: ['room'], properties: { room: { type: 'integer' } } },
    response: { 400: { type: 'object', properties: { code: { type: 'string' } } } },
    message: MOVE,
    send: MOVE
  }
  app.ws('/demo', { schema }, (socket, request) => { socket.send({ x: (request.query as { room: number }).room }) })
  t.match(await app.injectWS('/demo').catch((error: Error) => error), {
    statusCode: 400, body: '{"code":"FST_ERR_VALIDATION"}'
  })
  const client = await app.injectWS('/demo?room=5')
  t.equal(await textOf(client), '{"x":5,"y":7}')
  client.terminate()
  t.match(Object.keys(seen[0] as object).sort(), ['hide', 'querystring', 'response'])
  t.same(Object.keys(schema), ['querystring', 'response', 'message', 'send'])
})

t.test('send() serializes a value by the schema, and reports a value that does not match', async (t) => {
  const { client, socket } = await talk(t, { schema: { send: MOVE } })
  socket.send({ x: 1, y: 2, z: 3 } as never)
  t.equal(await textOf(client), '{"x":1,"y":2}')
  t.throws(() => { socket.send({ y: 2 } as never) }, { code: 'FST_WIRE_SEND_SCHEMA', message: /required property 'x'/ })
  const [error] = await new Promise<unknown[]>((resolve) => {
    socket.send(
      { x: 'one' } as never, (...args: unknown[]) => { resolve(args) }
    )
  })
  t.match(error, { code: 'FST_WIRE_SEND_SCHEMA', cause: Error, message: /route: value\/x must be integer\./ })
})

t.test('an error of the serializer names the property, if a validator finds it', async (t) => {
  const deep = { type: 'object', properties: { list: { type: 'array', items: MOVE } } }
  const { socket } = await talk(t, { schema: { send: deep } })
  const value = { list: [{ x: 1 }, { x: {} }] }
  t.throws(() => { socket.send(value as never) }, { message: /value\/list\/1\/x must be integer/ })
  // If the validator does not explain the failure, the message of the serializer stays.
  const broken = await talk(t, {
    schema: { send: deep },
    serializerCompiler: () => () => { throw new Error('broken') }
  })
  t.throws(() => { broken.socket.send({ list: [] } as never) }, { message: /route: broken\./ })
  const unreadable: Record<string, unknown> = {}
  unreadable['self'] = unreadable
  t.throws(() => { broken.socket.send(unreadable as never) }, { message: /route: broken\./ })
})

t.test('with validateSend, send() refuses a value that does not match instead of converting it', async (t) => {
  const send = {
    type: 'object',
    properties: {
      inner: { type: 'object' },
      kind: { const: 'move' },
      at: { type: 'string', format: 'date-time' },
      n: { type: 'integer' },
      y: { type: 'integer', default: 7 }
    }
  }
  const lenient = await talk(t, { schema: { send } })
  lenient.socket.send({ inner: null, kind: 'say', n: '7' } as never)
  t.equal(await textOf(lenient.client), '{"inner":{},"kind":"move","n":7,"y":7}')

  const { client, socket } = await talk(t, { schema: { send }, validateSend: true })
  for (const [value, message] of [
    [{ inner: null }, /value\/inner must be object/],
    [{ kind: 'say' }, /value\/kind must be equal to constant/],
    [{ n: '7' }, /value\/n must be integer/],
    [{ n: true }, /value\/n must be integer/],
    [{ at: 'today' }, /value\/at must match format "date-time"/]
  ] as const) t.throws(() => { socket.send(value as never) }, { code: 'FST_WIRE_SEND_SCHEMA', message })
  // As JSON has them: the serializer takes both.
  const value = { at: new Date(0), n: 5n }
  socket.send(value as never)
  t.equal(await textOf(client), '{"at":"1970-01-01T00:00:00.000Z","n":5,"y":7}')
  t.same(Object.keys(value), ['at', 'n'], 'the value of the application is not changed')
})

t.test('validateSend uses the validator of the application, if it has one', async (t) => {
  const answers: Record<string, unknown> = {
    ok: true,
    value: { value: 'ok' },
    no: false,
    error: { error: new Error('it is bad') },
    list: { error: [{ message: 'is ugly' }] },
    late: Promise.reject(new Error('late')),
    odd: undefined
  }
  const { client, socket } = await talk(t, {
    schema: { send: {} },
    validateSend: true,
    validatorCompiler: (() => (value: string) => answers[value]) as never
  })
  const refused = [['no', /value is not valid/], ['error', /it is bad/], ['list', /value is ugly/]] as const
  for (const [value, message] of refused) {
    t.throws(() => { socket.send(value as never) }, { code: 'FST_WIRE_SEND_SCHEMA', message })
  }
  for (const value of ['ok', 'value', 'late', 'odd']) socket.send(value as never)
  t.equal(await textOf(client), '"ok"')
})

t.test('with validateSend, a schema that cannot be validated makes app.ready() reject', async (t) => {
  const app = Fastify()
  await app.register(fastifyWire, { validateSend: true })
  const schema = { send: { type: 'object', required: 'x' } }
  app.ws('/demo', { schema, serializerCompiler: () => JSON.stringify }, () => {})
  await t.rejects(Promise.resolve(app.ready()), {
    code: 'FST_WIRE_SCHEMA', message: /^schema\.send of \/demo cannot be/
  })
})

t.test('send() refuses a value of another type than the root of its schema', async (t) => {
  const write = (send: unknown): ((value?: unknown) => string) => {
    const settings = { passesBinary: false, validatesSend: false }
    const schemas = new MessageSchemas(Fastify(), { send }, settings, { url: '/demo' })
    const outbound = schemas.outbound as NonNullable<typeof schemas.outbound>
    outbound.serialize = JSON.stringify
    return (value) => outbound.write(value)
  }
  const refused = { code: 'FST_WIRE_SEND_SCHEMA' }
  const object = write({ type: 'object' })
  for (const value of [null, undefined, true, 5, 'a', () => {}]) t.throws(() => object(value), refused)
  t.equal(object({ a: 1 }), '{"a":1}')
  t.equal(object(new Date(0)), '"1970-01-01T00:00:00.000Z"')
  const array = write({ type: 'array', nullable: true })
  for (const value of [undefined, {}, 'a']) t.throws(() => array(value), refused)
  t.equal(array([1]), '[1]')
  t.equal(array(null), 'null')
  t.throws(() => write({ isFluentSchema: true, valueOf: () => ({ type: 'object' }) })(null), {
    ...refused, message: /it is null, not object/
  })
  const any = write({})
  t.throws(() => any(undefined), { ...refused, message: /it is undefined/ })
  t.equal(any(null), 'null')
  t.throws(() => any(() => {}), { ...refused, message: /it cannot be serialized as JSON/ })
})

t.test('a value is written before the first handshake only if its serializer can be compiled', async (t) => {
  const write = (serializerCompiler?: () => never): void => {
    const settings = { passesBinary: false, validatesSend: false }
    const route = { url: '/demo', ...serializerCompiler && { serializerCompiler } }
    new MessageSchemas(Fastify(), { send: {} }, settings, route).outbound?.write(1)
  }
  t.throws(() => { write() }, { code: 'FST_WIRE_NOT_READY' })
  const cause = new Error('not a schema')
  t.throws(() => { write(() => { throw cause }) }, {
    code: 'FST_WIRE_SCHEMA', message: /^schema\.send of \/demo cannot be compiled: not a schema/, cause
  })
})

t.test('a serializer may throw a value other than an Error', async (t) => {
  const { socket } = await talk(t, {
    schema: { send: {} },
    // eslint-disable-next-line no-throw-literal
    serializerCompiler: () => () => { throw 'a string' }
  })
  t.throws(() => { socket.send(1) }, { code: 'FST_WIRE_SEND_SCHEMA', message: /: a string\./ })
})

t.test('a schema builder is replaced by the schema that it builds', async (t) => {
  for (const mark of ['isFluentSchema', Symbol.for('fluent-schema-object')]) {
    const built = { [mark]: true, valueOf: () => MOVE }
    const { client } = await talk(t, { schema: { message: built } })
    t.match(await closeAfter(client, '{}'), [1008, /required property 'x'/])
  }
})

t.test('a schema with an $id serves both URLs of a prefix, and other routes', async (t) => {
  const app = await createApp(t)
  const message = { $id: 'shared-move', ...MOVE }
  const values: unknown[] = []
  await app.register(async (scope) => {
    scope.ws('/', { schema: { message } }, (socket) => { socket.on('message', (value) => { values.push(value) }) })
    scope.ws('/other', { schema: { message } }, (socket) => { socket.on('message', (value) => { values.push(value) }) })
  }, { prefix: '/rooms' })
  for (const url of ['/rooms', '/rooms/', '/rooms/other']) {
    const client = await app.injectWS(url)
    client.send('{"x":1}')
    await settled(client)
    client.terminate()
  }
  t.equal(values.length, 3)
})

t.test('a close reason is truncated to the length that fits a close frame, between characters', async (t) => {
  t.equal(toReason('short'), 'short')
  t.equal(toReason('a'.repeat(123)), 'a'.repeat(123))
  t.equal(toReason('a'.repeat(200)), 'a'.repeat(123))
  t.equal(toReason('é'.repeat(100)), 'é'.repeat(61))
  t.equal(toReason('a' + '😀'.repeat(40)), 'a' + '😀'.repeat(30))
  const { client } = await talk(t, {
    schema: { message: MOVE }, schemaErrorFormatter: () => new Error('é'.repeat(100))
  })
  t.same(await closeAfter(client, '{}'), [1008, 'é'.repeat(61)])
})

// Several kinds of message

const KINDS = [
  {
    type: 'object',
    required: ['kind', 'x'],
    properties: { kind: { const: 'move' }, x: { type: 'integer' } },
    additionalProperties: false
  },
  {
    type: 'object',
    required: ['kind', 'text'],
    properties: { kind: { const: 'say' }, text: { type: 'string' } },
    additionalProperties: false
  }
]

t.test('a constant property distinguishes several kinds of message', async (t) => {
  const { client, socket, values } = await talk(t, { schema: { message: { oneOf: KINDS }, send: { oneOf: KINDS } } })
  client.send('{"kind":"move","x":1}')
  client.send('{"kind":"say","text":"a"}')
  client.send('{"text":"007","kind":"say"}')
  await settled(client)
  t.same(values, [{ kind: 'move', x: 1 }, { kind: 'say', text: 'a' }, { kind: 'say', text: '007' }])
  socket.send({ kind: 'say', text: 'b' } as never)
  t.equal(await textOf(client), '{"kind":"say","text":"b"}')
  const message = /value\/kind must be equal to constant/
  t.throws(() => { socket.send({ kind: 'shout', text: 'b' } as never) }, { code: 'FST_WIRE_SEND_SCHEMA', message })
  t.match(await closeAfter(client, '{"kind":"shout"}'), [1008])
})

t.test('a value in a union is not converted to another type of the union', async (t) => {
  const kind = (name: string, type: string) => ({
    type: 'object',
    required: ['kind', 'value'],
    properties: { value: { type }, kind: { const: name } }
  })
  const message = { anyOf: [kind('pay', 'number'), kind('note', 'string')] }
  const { client, values } = await talk(t, { schema: { message }, onInvalid: 'reply' })
  const sent = [{ value: '007', kind: 'note' }, { value: '1e3', kind: 'note' }, { value: 12.5, kind: 'pay' }]
  for (const value of sent) client.send(JSON.stringify(value))
  await settled(client)
  t.strictSame(values, sent)
  for (const value of ['12', null, true]) {
    client.send(JSON.stringify({ kind: 'pay', value }))
    t.match(JSON.parse(await textOf(client)), { statusCode: 400, code: 'FST_WIRE_MESSAGE_SCHEMA' })
  }
  t.equal(values.length, 3)
})

t.test('with a discriminator, only the named kind is validated, without any option of Ajv', async (t) => {
  const message = { type: 'object', required: ['kind'], discriminator: { propertyName: 'kind' }, oneOf: KINDS }
  const { client, socket, values } = await talk(t, { schema: { message, send: message }, validateSend: true })
  client.send('{"kind":"say","text":"a"}')
  client.send('{"kind":"move","x":1}')
  await settled(client)
  t.same(values, [{ kind: 'say', text: 'a' }, { kind: 'move', x: 1 }])
  socket.send({ kind: 'move', x: 2 } as never)
  t.equal(await textOf(client), '{"kind":"move","x":2}')
  t.throws(() => { socket.send({ kind: 'move', x: '2' } as never) }, { message: /route: value\/x must be integer\./ })
  t.same(await closeAfter(client, '{"kind":"move"}'), [1008, "message must have required property 'x'"])
})

t.test('a TypeBox union needs no option of Ajv', async (t) => {
  const app = (await createApp(t)).withTypeProvider<TypeBoxTypeProvider>()
  const Move = Type.Object({ kind: Type.Literal('move'), x: Type.Integer() }, { additionalProperties: false })
  const Say = Type.Object({ kind: Type.Literal('say'), text: Type.String() }, { additionalProperties: false })
  app.ws('/room', { schema: { message: Type.Union([Move, Say]), send: Move } }, (socket) => {
    socket.on('message', (value) => {
      socket.send({ kind: 'move', x: value.kind === 'say' ? value.text.length : value.x + 1 })
    })
  })
  const client = await app.injectWS('/room')
  client.send('{"kind":"move","x":1}')
  t.equal(await textOf(client), '{"kind":"move","x":2}')
  client.send('{"kind":"say","text":"007"}')
  t.equal(await textOf(client), '{"kind":"move","x":3}')
  t.match(await closeAfter(client, '{"kind":"say","text":7}'), [1008])
})

const ZodMove = z.object({ kind: z.literal('move'), x: z.int() })
const ZodSay = z.object({ kind: z.literal('say'), text: z.string() })
const ZodEither = z.discriminatedUnion('kind', [ZodMove, ZodSay])

t.test('a Zod union is validated by the JSON schema that Zod generates', async (t) => {
  const app = await createApp(t)
  const schema = { message: z.toJSONSchema(ZodEither), send: z.toJSONSchema(ZodEither) }
  type Either = z.infer<typeof ZodEither>
  app.ws<{ Received: Either, Sent: Either }>('/room', { schema, validateSend: true }, (socket) => {
    socket.on('message', (value) => { socket.send(value) })
  })
  const client = await app.injectWS('/room')
  for (const text of ['{"kind":"move","x":1}', '{"kind":"say","text":"007"}']) {
    client.send(text)
    t.equal(await textOf(client), text)
  }
  t.match(await closeAfter(client, '{"kind":"move","x":"1"}'), [1008])
})

t.test('a Zod union is validated directly with the compilers of fastify-type-provider-zod', async (t) => {
  const app = (await createApp(t)).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.ws('/room', { schema: { message: ZodEither, send: ZodMove }, validateSend: true }, (socket) => {
    socket.on('message', (value) => {
      if (value.kind === 'move') socket.send({ kind: 'move', x: value.x + 1 })
      else {
        socket.send({ kind: 'move', x: value.text } as never, (error) => {
          socket.send({
            kind: 'move', x: error == null ? 0 : 1
          })
        })
      }
    })
  })
  const client = await app.injectWS('/room')
  client.send('{"kind":"move","x":1}')
  t.equal(await textOf(client), '{"kind":"move","x":2}')
  client.send('{"kind":"say","text":"007"}')
  t.equal(await textOf(client), '{"kind":"move","x":1}')
  t.match(await closeAfter(client, '{"kind":"move","x":"1"}'), [1008, /x/])
})
