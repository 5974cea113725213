import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import * as net from 'node:net'
import { connect, createServer, Socket, type AddressInfo } from 'node:net'
import { devNull } from 'node:os'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import * as clockwork from '../../lib/timers.js'
import {
  canWriteNow, directHandle, type DirectHandle, prepareDirectIO, readInto, writeDirectly, writeError, writeNow
} from '../../lib/transport/direct.js'

const pair = async (t: Test): Promise<{ accepted: Socket, client: Socket }> => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = await once(server, 'connection')
  t.teardown(() => {
    client.destroy()
    accepted.destroy()
  })
  return { accepted, client }
}

t.test('direct IO is not used before it has been tried', async (t) => {
  const { accepted } = await pair(t)
  // Another test of this process may have tried it.
  const untried: string = '../../lib/transport/direct.js?untried'
  const { directHandle, readInto } = await import(untried) as typeof import('../../lib/transport/direct.js')
  t.equal(directHandle(accepted), undefined)
  t.equal(readInto(accepted, Buffer.alloc(1), () => true), false)
})

t.test('direct IO works on this version of Node, and is tried once', async (t) => {
  const tested = prepareDirectIO()
  t.equal(prepareDirectIO(), tested)
  t.equal(await tested, true)
})

t.test('an accepted socket reads into the buffer it is given', async (t) => {
  const { accepted, client } = await pair(t)
  const buffer = Buffer.alloc(8)
  const seen: string[] = []
  let wake = (): void => {}
  t.equal(readInto(accepted, buffer, function (length) {
    t.equal(this, accepted)
    seen.push(buffer.toString('latin1', 0, length))
    wake()
    return true
  }), true)
  accepted.resume()
  client.write('more than eight')
  while (seen.join('') !== 'more than eight') await new Promise<void>((resolve) => { wake = resolve })
  t.ok(seen.every(({ length }) => length <= 8))
  client.end()
  await once(accepted, 'end')
})

t.test('a write is done, pending, or refused', async (t) => {
  const { accepted, client } = await pair(t)
  const handle = directHandle(accepted)!
  const never = (): void => { t.fail('it was done at once') }
  t.equal(writeDirectly(handle, Buffer.from('a'), never), 'done')
  t.equal(writeDirectly(handle, [Buffer.from('b'), Buffer.from('c')], never), 'done')
  const large = Buffer.alloc(16_777_216, 'x')
  const written = new Promise<number>((resolve) => { t.equal(writeDirectly(handle, large, resolve), 'pending') })
  const received: Buffer[] = []
  client.on('data', (bytes) => { received.push(bytes) })
  t.equal(await written, 0)
  accepted.end()
  await once(client, 'end')
  t.ok(Buffer.concat(received).equals(Buffer.concat([Buffer.from('abc'), large])))
})

t.test('a write that ends with the connection reports an error', async (t) => {
  const { accepted, client } = await pair(t)
  const handle = directHandle(accepted)!
  accepted.on('error', () => {})
  const written = new Promise<number>((resolve) => {
    t.equal(
      writeDirectly(handle, Buffer.alloc(16_777_216), resolve), 'pending'
    )
  })
  accepted.destroy()
  const status = await written
  t.ok(status < 0)
  t.match(writeError(status), { message: /^write E/, syscall: 'write', errno: status })
  t.equal(writeError(0), null)
  t.equal(writeDirectly(handle, Buffer.from('x'), () => {}), 'refused')
  client.destroy()
})

t.test('a stream that is not a connection has no direct IO', async (t) => {
  const stream = new PassThrough()
  t.equal(directHandle(stream), undefined)
  t.equal(readInto(stream, Buffer.alloc(1), () => true), false)
  t.equal(readInto(new Socket(), Buffer.alloc(1), () => true), false)
})

// Versions of Node that are different inside. Each must start, without any of it.

/** Whether it is used where connections are not as they were. */
const prepareAnew = async (
  t: Test, changed: Partial<typeof net>, timers: Partial<typeof clockwork.timers> = {}
): Promise<boolean> => {
  const fresh = await t.mockImport<typeof import('../../lib/transport/direct.js')>('../../lib/transport/direct.js', {
    'node:net': { ...net, ...changed },
    '../../lib/timers.js': { ...clockwork, timers: { ...clockwork.timers, ...timers } }
  })
  return await fresh.prepareDirectIO()
}

interface WriteRequest {
  oncomplete: (status: number) => void
}

/** Changes the native side of the connection that is accepted. */
const withHandle = (change: (
  handle: Record<string, (...args: unknown[]) => unknown>, accepted: Socket
) => void): Partial<typeof net> => ({
  createServer: ((...args: []) => createServer(...args).prependListener('connection', (accepted) => {
    change(Reflect.get(accepted, '_handle'), accepted)
  })) as typeof createServer
})

t.test('direct IO is used with unchanged internals', async (t) => {
  t.equal(await prepareAnew(t, {}), true)
})

t.test('direct IO is off if a socket keeps its buffer elsewhere', async (t) => {
  class Other extends Socket {
    constructor () {
      super({})
    }
  }
  t.equal(await prepareAnew(t, { Socket: Other }), false)
})

t.test('direct IO is off if the probe cannot listen', async (t) => {
  t.equal(await prepareAnew(t, {
    createServer: (() => {
      const server = createServer()
      server.listen = () => {
        process.nextTick(() => { server.emit('error', new Error('not here')) })
        return server
      }
      return server
    }) as typeof createServer
  }), false)
})

t.test('direct IO is off if a socket reads other bytes', async (t) => {
  t.equal(await prepareAnew(t, withHandle((_handle, accepted) => {
    const { resume } = accepted
    accepted.resume = () => {
      // What comes first is not what the other end wrote.
      const slot = Object.getOwnPropertySymbols(accepted).find((symbol) => typeof Reflect.get(
        accepted, symbol
      ) === 'function' && Reflect.get(accepted, symbol).length === 1)
      const callback = Reflect.get(accepted, slot!) as (length: number) => boolean
      callback.call(accepted, 1)
      return resume.call(accepted)
    }
  })), false)
})

t.test('direct IO is off if a socket never calls back', async (t) => {
  const { timers } = clockwork
  t.equal(await prepareAnew(t, withHandle((handle) => { handle['useUserBuffer'] = undefined as never }), {
    setTimeout: ((callback: () => void) => timers.setTimeout(callback, 50)) as typeof timers.setTimeout
  }), false)
})

t.test('direct IO is off if a descriptor takes other bytes than its writes', async (t) => {
  t.equal(await prepareAnew(t, withHandle((handle, accepted) => {
    const { fd } = handle as unknown as { fd: number }
    // What is written to it is lost.
    Object.defineProperty(handle, 'fd', { value: openSync(devNull, 'w') })
    accepted.once('close', () => { closeSync((handle as unknown as { fd: number }).fd) })
    t.ok(fd >= 0)
  })), false)
})

t.test('a connection without a descriptor is written to through its handle', async (t) => {
  t.equal(
    await prepareAnew(t, withHandle((handle) => { Object.defineProperty(handle, 'fd', { value: undefined }) })), true
  )
})

t.test('direct IO is not tried if no connection can be made within the process', async (t) => {
  const { platform } = process
  t.intercept(process, 'platform', { value: 'darwin' })
  const servers: unknown[] = []
  t.equal(await prepareAnew(t, { createServer: ((...args: []) => servers.push(args)) as never }), false)
  t.same(servers, [])
  t.not(platform, 'darwin')
})

t.test('only a handle with a descriptor is written to synchronously', async (t) => {
  t.equal(canWriteNow({ fd: 0 } as DirectHandle), true)
  for (const handle of [{}, { fd: -1 }] as DirectHandle[]) {
    t.equal(canWriteNow(handle), false)
    t.equal(writeNow(handle, [Buffer.from('x')]), 0)
  }
})

t.test('the kernel is passed as many bytes as it takes, from however many parts', async (t) => {
  const { accepted, client } = await pair(t)
  const handle = directHandle(accepted)!
  const parts = Array.from({ length: 3_000 }, (_, i) => Buffer.from([i & 0xff]))
  t.equal(writeNow(handle, parts), 3_000)
  const large = Buffer.alloc(16_777_216, 'x')
  const sent = [...parts]
  // The kernel may take more while it passes bytes on to the other side, until both buffers are full.
  for (;;) {
    const taken = writeNow(handle, [large])
    t.ok(taken < large.length)
    if (taken === 0) break
    sent.push(large.subarray(0, taken))
  }
  t.ok(sent.length > parts.length)
  accepted.end()
  const received: Buffer[] = []
  client.on('data', (bytes) => { received.push(bytes) })
  await once(client, 'end')
  t.ok(Buffer.concat(received).equals(Buffer.concat(sent)))
  t.equal(writeNow({ ...handle, fd: -1 }, parts), 0)
})

t.test('direct IO is off if streams write in another way', async (t) => {
  t.equal(await prepareAnew(t, withHandle((_handle, accepted) => { accepted.write = () => true })), false)
  t.equal(
    await prepareAnew(t, withHandle((handle) => { handle['writeBuffer'] = handle['writeBuffer']!.bind(handle) })), false
  )
})

t.test('direct IO is off if a handle cannot write several buffers, a large one, or reports no result', async (t) => {
  t.equal(await prepareAnew(t, withHandle((handle) => { handle['writev'] = () => -1 })), false)
  for (const change of [
    (large: () => unknown) => { large(); return -1 },
    () => 0,
    (large: () => unknown, given: WriteRequest | null) => {
      const started = large()
      const request = given ?? started as WriteRequest
      process.nextTick(() => {
        const { oncomplete } = request
        request.oncomplete = () => { oncomplete(-1) }
      })
      return started
    }
  ]) {
    t.equal(await prepareAnew(t, withHandle((handle) => {
      const prototype = Object.getPrototypeOf(handle) as object
      const { writev, writeBuffer } = handle as {
        writev: (
          ...args: unknown[]
        ) => unknown,
        writeBuffer: (...args: unknown[]) => unknown
      }
      // Not before the stream was looked at.
      handle['writev'] = (...args) => {
        handle['writeBuffer'] = (...args) => change(() => writeBuffer.apply(handle, args), args[0] as never)
        return writev.apply(handle, args)
      }
      t.equal(Reflect.get(prototype, 'writeBuffer'), writeBuffer)
    })), false)
  }
})

t.test('direct IO is tested with as many writes of 1 MiB as make one pending', async (t) => {
  // The more has to be read, the longer a slow machine takes, and the test has a time limit.
  const lengths: number[] = []
  t.equal(await prepareAnew(t, withHandle((handle) => {
    const { writev, writeBuffer } = handle as Record<'writev' | 'writeBuffer', (...args: unknown[]) => unknown>
    handle['writev'] = (...args) => {
      handle['writeBuffer'] = (request, bytes) => {
        // As if the kernel took the first three.
        return lengths.push((bytes as Buffer).length) > 3 ? writeBuffer.call(handle, request, bytes) : 0
      }
      return writev.apply(handle, args)
    }
  })), true)
  t.ok(lengths.length > 3)
  t.same(lengths, lengths.map(() => 1_048_576))
})

t.test('direct IO is used if handles create their own request for pending writes', async (t) => {
  const fresh = await t.mockImport<typeof import('../../lib/transport/direct.js')>('../../lib/transport/direct.js', {
    'node:net': { ...net, ...withHandle(makeRequests) }
  })
  t.equal(await fresh.prepareDirectIO(), true)
  const { accepted, client } = await pair(t)
  makeRequests(Reflect.get(accepted, '_handle'), accepted)
  const handle = Reflect.get(accepted, '_handle') as Parameters<typeof fresh.writeDirectly>[0]
  t.equal(fresh.writeDirectly(handle, Buffer.from('a'), () => {}), 'done')
  accepted.destroy()
  t.equal(fresh.writeDirectly(handle, Buffer.from('x'), () => {}), 'refused')
  client.destroy()
})

/** Has a connection write as those of Node 26 do. */
function makeRequests (handle: Record<string, (...args: unknown[]) => unknown>, accepted: Socket): void {
  const before = Object.getPrototypeOf(handle) as Record<string, (...args: unknown[]) => unknown>
  let Request: (new () => { getAsyncId (): number }) | undefined
  Object.defineProperty(handle, 'writeBuffer', {
    configurable: true,
    value (request: object | null, bytes: unknown) {
      Request = request?.constructor as typeof Request
      return before['writeBuffer']!.call(handle, request, bytes)
    }
  })
  accepted.write(Buffer.from('learn'))
  Reflect.deleteProperty(handle, 'writeBuffer')
  // It does so by itself.
  if (Request === undefined) return
  const make = (verb: string) => (_given: unknown, ...args: unknown[]) => {
    const request = new Request!()
    const status = before[verb]!.call(handle, request, ...args)
    return status !== 0 || request.getAsyncId() === -1 ? status : request
  }
  Object.setPrototypeOf(handle, Object.assign(Object.create(before), {
    writeBuffer: make('writeBuffer'), writev: make('writev')
  }))
  accepted.write = (bytes: unknown) => {
    (handle['writeBuffer'] as (...args: unknown[]) => unknown)(null, bytes)
    return true
  }
}
