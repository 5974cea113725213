import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writevSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getSystemErrorName } from 'node:util'
import { timers } from '../timers.js'

/**
 * Direct I/O: faster ways to read and write accepted sockets that are not part of Node's public API. Only this file
 * uses them, and only if all of them pass a test at startup. The option `directIO` disables them.
 *
 * - Reading into a given buffer. net.Socket supports this for sockets that it creates (`onread`) and keeps the settings
 *   in three slots; only these slots can enable it for an accepted socket. Without it, each read allocates 64 KiB,
 *   shrinks them and passes a Readable: an echo of 64 bytes takes 8.4 µs instead of 7.1.
 * - Writing without a Writable: one call of the handle, which usually sends everything at once.
 * - Writing only as much as the kernel takes: a handle's descriptor can be written to like that of a file.
 *
 * The test needs nothing outside the process: it connects through an abstract Unix domain socket, or a named pipe on
 * Windows. Their handles inherit the methods of the same native class as those of TCP. A stream whose handle has other
 * methods is written to through the public API.
 */

/** The native side of a TCP connection or pipe. */
export interface DirectHandle {
  writeBuffer (request: WriteRequest | null, bytes: Buffer): WriteStarted
  writev (request: WriteRequest | null, parts: readonly Buffer[], areBuffers: true): WriteStarted
  useUserBuffer (buffer: Buffer): void
  /** Negative or missing if the handle has no descriptor. */
  readonly fd?: number
}

/** A write that the kernel did not take at once. The handle calls `oncomplete` when it is done. */
interface WriteRequest {
  oncomplete: ((status: number) => void) | undefined
  /** Keeps the bytes from being garbage collected. */
  buffer: Buffer | readonly Buffer[] | undefined
  /** -1 if no handle has used the request. */
  getAsyncId (): number
}

/** 0, an error number, or the request of a pending write if the handle created it. */
type WriteStarted = number | WriteRequest

type Callback = (this: Duplex, length: number) => boolean

interface Slots {
  readonly buffer: symbol
  readonly callback: symbol
  readonly generator: symbol
  /** The class of requests; null in Node 26 and later, where handles create them when needed. */
  readonly Request: (new () => WriteRequest) | null
  /** The methods tested. TLS and other handles have different ones. */
  readonly writeBuffer: DirectHandle['writeBuffer']
  readonly writev: DirectHandle['writev']
}

/** The internals of a stream. */
interface Internals {
  _handle?: DirectHandle | null
  [slot: symbol]: unknown
}

const internalsOf = (stream: Duplex): Internals => stream as unknown as Internals

// The test writes until the kernel takes no more, so that a write is pending. Usually the first write is. The test then
// reads all bytes, so fewer bytes make it end sooner on a slow machine.
const LARGE_WRITE_SIZE = 1_048_576
const MAX_LARGE_WRITES = 16

// In milliseconds. If the test has not passed by then, the server starts without direct I/O.
const TEST_TIMEOUT = 3_000

// The prefixes of socket names that use neither files nor ports.
const NAMESPACES: Partial<Record<NodeJS.Platform, string>> = { linux: '\0', android: '\0', win32: '\\\\.\\pipe\\' }

// The most buffers per call of writev() (IOV_MAX).
const MAX_PARTS = 1_024

let slots: Slots | undefined
// The request of a write that finished at once can be reused.
let spareRequest: WriteRequest | undefined
let tested: Promise<boolean> | undefined

/** Finds and tests the slots, once per process. Resolves within three seconds, to whether direct I/O works. */
export function prepareDirectIO (): Promise<boolean> {
  tested ??= withTimeout(findSlots).then((found) => {
    slots = found
    return true
  }, () => false)
  return tested
}

/** Makes a stream read into `buffer` and call back with the length. Returns false if that is not possible. */
export function readInto (stream: Duplex, buffer: Buffer, callback: Callback): boolean {
  return slots !== undefined && install(slots, stream, buffer, callback)
}

/** Returns the handle of a stream for `writeDirectly()`, or undefined if only the public API works for it. */
export function directHandle (stream: Duplex): DirectHandle | undefined {
  const handle = internalsOf(stream)._handle
  const isTested = slots !== undefined && handle?.writeBuffer === slots.writeBuffer && handle.writev === slots.writev
  return isTested ? handle : undefined
}

/** Whether the bytes were sent, will be sent later, or were refused by the connection. */
export type WriteResult = 'done' | 'pending' | 'refused'

/** @param written called only if the write is pending, with 0 or an error number */
export function writeDirectly (
  handle: DirectHandle, bytes: Buffer | readonly Buffer[], written: (status: number) => void
): WriteResult {
  return write((slots as Slots).Request, handle, bytes, written)
}

/** Whether `writeNow()` supports a handle. On Windows, handles have no descriptor. */
export function canWriteNow ({ fd = -1 }: DirectHandle): boolean {
  return fd >= 0
}

/**
 * Writes as much as the kernel takes now. The handle must have no pending write.
 * @returns the number of bytes written
 */
export function writeNow ({ fd = -1 }: DirectHandle, parts: readonly Buffer[]): number {
  if (fd < 0) return 0
  let taken = 0
  try {
    for (let at = 0; at < parts.length; at += MAX_PARTS) {
      const some = parts.length > MAX_PARTS ? parts.slice(at, at + MAX_PARTS) : parts
      const length = writevSync(fd, some)
      taken += length
      if (length < lengthOf(some)) break
    }
  } catch {
    // The kernel takes nothing, or the connection is broken: an ordinary write will wait or fail.
  }
  return taken
}

function lengthOf (parts: readonly Buffer[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}

/** Returns the error that a stream would emit for the status of a write; null for 0. */
export function writeError (status: number): Error | null {
  if (status === 0) return null
  const code = getSystemErrorName(status)
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' })
}

function write (
  Request: Slots['Request'], handle: DirectHandle, bytes: Buffer | readonly Buffer[], written: (status: number) => void
): WriteResult {
  const given = Request === null ? null : spareRequest ??= new Request()
  const started = Buffer.isBuffer(bytes) ? handle.writeBuffer(given, bytes) : handle.writev(given, bytes, true)
  if (started === 0 && (given === null || given.getAsyncId() === -1)) return 'done'
  spareRequest = undefined
  const request = typeof started === 'number' ? given : started
  if (request === null || (started !== 0 && started !== request)) return 'refused'
  request.buffer = bytes
  request.oncomplete = written
  return 'pending'
}

type ReadSlots = Pick<Slots, 'buffer' | 'callback' | 'generator'>

/** Finds the slots by the values that the constructor puts there, not by their names. */
function findReadSlots (): ReadSlots {
  const buffer = Buffer.alloc(1)
  // Any two functions: nothing is read, so they are never called.
  const generator = Buffer.alloc
  const callback = Boolean
  const withBuffer = internalsOf(new Socket({ onread: { buffer, callback } } as object))
  const withGenerator = internalsOf(new Socket({ onread: { buffer: generator, callback } } as object))
  return {
    buffer: slotOf(withBuffer, buffer),
    callback: slotOf(withBuffer, callback),
    generator: slotOf(withGenerator, generator)
  }
}

function slotOf (socket: Internals, value: unknown): symbol {
  const slot = Object.getOwnPropertySymbols(socket).find((symbol) => socket[symbol] === value)
  if (slot === undefined) throw new Error('This version of Node has no such slot')
  return slot
}

function install (slots: ReadSlots, stream: Duplex, buffer: Buffer, callback: Callback): boolean {
  const socket = internalsOf(stream)
  if (!(stream instanceof Socket) || typeof socket._handle?.useUserBuffer !== 'function') return false
  socket[slots.buffer] = buffer
  socket[slots.callback] = callback
  socket[slots.generator] = null
  socket._handle.useUserBuffer(buffer)
  return true
}

async function findSlots (signal: AbortSignal): Promise<Slots> {
  const found = findReadSlots()
  const namespace = NAMESPACES[process.platform]
  if (namespace === undefined) throw new Error('This platform has no sockets within the process')
  const path = `${namespace}fastify-wire-${randomBytes(16).toString('hex')}`
  // Without `exclusive`, a worker of node:cluster would ask the primary for the server.
  const server = createServer().listen({ path, exclusive: true })
  const ends: Socket[] = []
  try {
    await once(server, 'listening', { signal })
    const client = new Socket().on('error', ignore)
    ends.push(client)
    const [accepted] = await Promise.all([
      once(server, 'connection', { signal }),
      once(client.connect(path), 'connect', { signal })
    ])
    const [other] = accepted as [Socket]
    ends.push(other.on('error', ignore))
    return await Promise.race([testSlots(found, other, client), aborted(signal)])
  } finally {
    for (const end of ends) end.destroy()
    server.close()
  }
}

/* c8 ignore next -- whether a broken connection emits an error depends on the kernel */
function ignore (): void {}

async function withTimeout<Result> (task: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController()
  const timer = timers.setTimeout(() => { controller.abort() }, TEST_TIMEOUT)
  try {
    return await task(controller.signal)
  } finally {
    timers.clearTimeout(timer)
  }
}

async function aborted (signal: AbortSignal): Promise<never> {
  await once(signal, 'abort')
  throw new Error('The test timed out')
}

/** Tests the slots on a connection within the process. */
async function testSlots (found: ReadSlots, accepted: Socket, client: Socket): Promise<Slots> {
  const all = { ...found, ...findWriteSlots(accepted) }
  await testReading(all, accepted, client)
  await testWriting(all, accepted, client)
  return all
}

/** Takes the class of requests from a write of a stream, because it cannot be imported. */
function findWriteSlots (socket: Socket): Pick<Slots, 'Request' | 'writeBuffer' | 'writev'> {
  const handle = internalsOf(socket)._handle as DirectHandle
  const { writeBuffer, writev } = handle
  let Request: Slots['Request'] | undefined
  handle.writeBuffer = function (request, bytes) {
    Request = request === null ? null : request.constructor as new () => WriteRequest
    return writeBuffer.call(this, request, bytes)
  }
  socket.write(Buffer.from('first'))
  Reflect.deleteProperty(handle, 'writeBuffer')
  if (Request === undefined || handle.writeBuffer !== writeBuffer) throw new Error('Streams write in another way')
  return { Request, writeBuffer, writev }
}

async function testReading (slots: Slots, accepted: Socket, client: Socket): Promise<void> {
  const buffer = Buffer.alloc(8)
  const received = new Promise<string>((resolve) => {
    install(slots, accepted, buffer, (length) => {
      resolve(buffer.toString('latin1', 0, length))
      return true
    })
  })
  accepted.resume()
  client.write('read')
  if (await received !== 'read') throw new Error('Direct reading does not work')
}

async function testWriting ({ Request }: Slots, accepted: Socket, client: Socket): Promise<void> {
  const handle = internalsOf(accepted)._handle as DirectHandle
  let received = ''
  client.on('data', (bytes: Buffer) => { if (received.length < 64) received += bytes.toString('latin1', 0, 64) })
  client.pause()
  const small = write(Request, handle, [Buffer.from('a'), Buffer.from('b')], ignore)
  const now = writeNow(handle, [Buffer.from('c'), Buffer.from('d')])
  // Handles without a descriptor never use writeNow().
  if (now === 0) write(Request, handle, Buffer.from('cd'), ignore)
  const status = await new Promise<number>((resolve) => {
    let large: WriteResult = 'done'
    const bytes = Buffer.alloc(LARGE_WRITE_SIZE)
    for (let i = 0; i < MAX_LARGE_WRITES && large === 'done'; i++) large = write(Request, handle, bytes, resolve)
    if (small !== 'done' || large !== 'pending') resolve(-1)
    client.resume()
  })
  // findWriteSlots() has written 'first'.
  if (status !== 0 || !received.includes('firstabcd')) throw new Error('Direct writing does not work')
}
