import t from 'tap'
import { meantName, refuseMisspelt } from '../../lib/options/names.js'
import { SOCKET_OPTIONS } from '../../lib/options/table.js'

t.test('a misspelt name is distinguished from an unrelated one', async (t) => {
  const names = ['maxPayload', 'send', 'origin', 'closeTimeout']
  const cases: Array<[string, string | undefined]> = [
    ['maxPayloads', 'maxPayload'], ['maxpayload', 'maxPayload'], ['mxaPayload', 'maxPayload'],
    ['maxPlayload', 'maxPayload'], ['MaxPaylod', 'maxPayload'],
    ['origins', 'origin'], ['orign', 'origin'], ['closeTimout', 'closeTimeout'], ['sned', 'send'], ['sends', 'send'],
    ['maxPayload', undefined], ['port', undefined], ['find', undefined], ['blend', undefined],
    ['closeTime', undefined], ['maxBytes', undefined], ['', undefined]
  ]
  for (const [name, meant] of cases) t.equal(meantName(name, names), meant, name)
})

t.test('no option of a Fastify route counts as a misspelt option', async (t) => {
  const theirs = [
    'method', 'url', 'path', 'schema', 'attachValidation', 'exposeHeadRoute', 'onRequest', 'preParsing',
    'preValidation', 'preHandler', 'preSerialization',
    'onSend', 'onResponse', 'onTimeout', 'onError', 'onRequestAbort', 'handler', 'errorHandler',
    'childLoggerFactory', 'validatorCompiler', 'serializerCompiler',
    'schemaErrorFormatter', 'bodyLimit', 'handlerTimeout', 'logLevel', 'logSerializers', 'config',
    'prefixTrailingSlash', 'constraints', 'websocket', 'wsHandler'
  ]
  t.doesNotThrow(() => { refuseMisspelt(Object.fromEntries(theirs.map((name) => [name, 1])), SOCKET_OPTIONS) })
})

t.test('a misspelt option is refused with the right name', async (t) => {
  t.throws(() => { refuseMisspelt({ config: {}, messages: {} }, ['message'], 'schema.') }, {
    code: 'FST_WIRE_MISSPELT_OPTION', message: 'Unknown option "schema.messages": did you mean "schema.message"?'
  })
})
