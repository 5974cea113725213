/** A change of lib/ that a test must notice. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** Found in the file exactly once. */
  readonly from: string
  readonly to: string
  /** The test that must fail. */
  readonly test: string
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the slab is given back while a write from it is pending',
    file: 'lib/transport/write-queue.ts',
    from: 'if (chunk === slab && !this.isWriting) closeRegion()',
    to: 'if (chunk === slab) closeRegion()',
    test: 'test/transport/write-queue.test.ts'
  },
  {
    name: 'a chunk of the backlog is held however little is in it',
    file: 'lib/transport/pending-bytes.ts',
    from: 'bytes.length < LEAST_USED',
    to: 'false',
    test: 'test/hostile/frames.test.ts'
  },
  {
    name: 'the bucket of the rate limit has no cap',
    file: 'lib/socket/rate-limiter.ts',
    from: 'Math.min(burst, this.#tokens + (time - this.#filledAt) * rate / 1_000)',
    to: 'this.#tokens + (time - this.#filledAt) * rate / 1_000',
    test: 'test/socket/rate-limiter.test.ts'
  },
  {
    name: 'fragments are counted over all messages',
    file: 'lib/protocol/rfc6455.ts',
    from: '      this.#fragments = 0\n',
    to: '',
    test: 'test/protocol/rfc6455.test.ts'
  },
  {
    name: 'a text in fragments is looked at when it has ended',
    file: 'lib/protocol/rfc6455.ts',
    from: 'if (!this.#validator.append(receiveBuffer.bytes, start, end)) return',
    to: 'if (!this.#validator.append(receiveBuffer.bytes, start, end) && ends && this.#fin) return',
    test: 'test/conformance/catalogue.test.ts'
  },
  {
    name: 'a socket that is cut does not drop what is being decompressed',
    file: 'lib/socket/closing.ts',
    from: '    this.protocol.abort()\n',
    to: '',
    test: 'test/socket/lifecycle.test.ts'
  },
  {
    name: 'the end of a connection does not end its conversation',
    file: 'lib/socket/closing.ts',
    from: '    this.finish()\n    protocol.receiveEnd()\n',
    to: '    this.finish()\n',
    test: 'test/socket/lifecycle.test.ts'
  },
  {
    name: 'addresses are never forgotten',
    file: 'lib/server/connection-limits.ts',
    from: 'if (count === 0) this.#byAddress.delete(address)\n    else this.#byAddress.set(address, count)',
    to: 'this.#byAddress.set(address, count)',
    test: 'test/server/connection-limits.test.ts'
  },
  {
    name: 'the assembler makes room for 64 times what has arrived',
    file: 'lib/codec/assembler.ts',
    from: 'const MAX_ROOM_FACTOR = 8',
    to: 'const MAX_ROOM_FACTOR = 64',
    test: 'test/codec/assembler.test.ts'
  },
  {
    name: 'the assembler grows 64-fold where nothing is announced',
    file: 'lib/codec/assembler.ts',
    from: ': 2 * length',
    to: ': 64 * length',
    test: 'test/codec/assembler.test.ts'
  },
  {
    name: 'a length of hixie may have eight bytes only',
    file: 'lib/protocol/hixie.ts',
    from: 'const MAX_LENGTH_BYTES = 9',
    to: 'const MAX_LENGTH_BYTES = 8',
    test: 'test/protocol/hixie.test.ts'
  },
  {
    name: 'a length of hixie may have ten bytes',
    file: 'lib/protocol/hixie.ts',
    from: 'const MAX_LENGTH_BYTES = 9',
    to: 'const MAX_LENGTH_BYTES = 10',
    test: 'test/protocol/hixie.test.ts'
  },
  {
    name: 'a slow peer is looked at when a message more than the limit waits',
    file: 'lib/socket/sender.ts',
    from: 'if (this.queuedAmount > this.limit) {\n      const result',
    to: 'if (this.queuedAmount > this.limit + 16) {\n      const result',
    test: 'test/socket/backpressure.test.ts'
  },
  {
    name: 'a queue that was full is read into again at once',
    file: 'lib/socket/receiver.ts',
    from: '<= QUEUE_LIMIT / 2',
    to: '<= QUEUE_LIMIT',
    test: 'test/socket/receiver.test.ts'
  },
  {
    name: 'a refusal says that the connection goes on',
    file: 'lib/upgrade/http1.ts',
    from: '    response.shouldKeepAlive = false\n',
    to: '',
    test: 'test/upgrade/http1.test.ts'
  }
]
