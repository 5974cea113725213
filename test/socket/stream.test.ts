import { once } from 'node:events'
import t from 'tap'
import { closeFrame, frame, text } from '../fixtures/client.js'
import { converse } from '../fixtures/conversation.js'

t.test('received messages are read as bytes, and written bytes are sent', async (t) => {
  const { client, socket } = await converse(t)
  const stream = socket.stream()
  client.write(Buffer.concat([text('a'), text(''), frame(2, 'b')]))
  let read = ''
  stream.on('data', (bytes) => { read += String(bytes) })
  while (read.length < 2) await once(stream, 'data')
  t.equal(read, 'ab')
  stream.write('text')
  stream.write(Buffer.from('bytes'))
  t.same([await client.readFrame(), await client.readFrame()], [
    { opcode: 1, payload: Buffer.from('text') }, { opcode: 2, payload: Buffer.from('bytes') }
  ])
  stream.destroy()
})

t.test('a stream pipes to itself', async (t) => {
  const { client, socket } = await converse(t)
  const stream = socket.stream()
  stream.pipe(stream)
  client.write(frame(2, 'echo'))
  t.equal((await client.readFrame()).payload.toString(), 'echo')
  client.write(closeFrame(1000))
  await Promise.all([once(stream, 'close'), once(socket, 'close')])
})

t.test('ending the stream closes the socket with 1000', async (t) => {
  const { client, socket } = await converse(t)
  const stream = socket.stream().resume()
  stream.end()
  t.equal((await client.readFrame()).payload.readUInt16BE(), 1000)
  client.write(closeFrame(1000))
  await once(stream, 'close')
})

t.test('destroying the stream terminates the socket', async (t) => {
  const { client, socket } = await converse(t)
  socket.stream().destroy()
  t.equal((await once(socket, 'close'))[0], 1006)
  await client.readEnd()
})

t.test('an unclean close destroys the stream with the error', async (t) => {
  const { client, socket } = await converse(t)
  const stream = socket.stream().resume()
  client.socket.destroy()
  t.match((await once(stream, 'error'))[0], { code: 'FST_WIRE_UNCLEAN_CLOSE' })
})

t.test('an unclean close without an error listener is ignored, any other error goes to the errorHandler', async (t) => {
  const errors: unknown[] = []
  const left = await converse(t, { errorHandler: (error) => { errors.push(error) } })
  const stream = left.socket.stream()
  stream.pipe(stream)
  left.client.socket.destroy()
  await new Promise((resolve) => { stream.on('close', resolve) })
  t.same(errors, [])
  const failing = await converse(t, { errorHandler: (error) => { errors.push(error) } })
  const broken = failing.socket.stream()
  broken.destroy(new Error('mine'))
  await new Promise((resolve) => { broken.on('close', resolve) })
  t.match(errors, [{ message: 'mine' }])
})

t.test('a chunk that is written after the peer has closed destroys the stream, and is no error of the route', async (t) => {
  const errors: unknown[] = []
  const { client, socket } = await converse(t, { errorHandler: (error) => { errors.push(error) } })
  const stream = socket.stream()
  client.write(closeFrame(1000))
  await once(socket, 'close')
  stream.write('too late')
  await new Promise((resolve) => { stream.on('close', resolve) })
  t.match(stream.errored, { code: 'FST_WIRE_NOT_OPEN' })
  t.same(errors, [])
})

t.test('a stream with schemas reads and writes values', async (t) => {
  const { client, socket } = await converse(t, { schema: { message: {}, send: {} } })
  const stream = socket.stream()
  t.ok(stream.readableObjectMode && stream.writableObjectMode)
  stream.write({ a: 1 })
  t.equal(await client.readText(), '{"a":1}')
  client.write(Buffer.concat([text('{"b":2}'), text('""'), text('[]')]))
  const values: unknown[] = []
  stream.on('data', (value) => { values.push(value) })
  while (values.length < 3) await once(stream, 'data')
  t.same(values, [{ b: 2 }, '', []])
  // It would be taken for the end.
  client.write(text('null'))
  t.match((await once(stream, 'error'))[0], { code: 'FST_WIRE_STREAM_NULL' })
  const { socket: other } = await converse(t, { schema: { message: {} } })
  t.notOk(other.stream().destroy().writableObjectMode)
})
