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
  },
  {
    name: 'a feed reports messages in the order of their arrival',
    file: 'lib/topics/feed.ts',
    from: 'if (message.prev === this.last) {',
    to: 'if (message.prev !== \'-\') {',
    test: 'test/topics/feed.test.ts'
  },
  {
    name: 'a feed passes over messages that the history has lost',
    file: 'lib/topics/feed.ts',
    from: 'if (isGap || (this.last',
    to: 'if ((this.last',
    test: 'test/topics/feed.test.ts'
  },
  {
    name: 'a feed reports a message again that arrives twice',
    file: 'lib/topics/feed.ts',
    from: 'return cursor === this.last || this.#recent?.some',
    to: 'return this.#recent === undefined && this.#recent?.some',
    test: 'test/topics/feed.test.ts'
  },
  {
    name: 'a feed reports a loss twice',
    file: 'lib/topics/feed.ts',
    from: 'if (!fill.hasGap) this.#lose(this.last)',
    to: 'this.#lose(this.last)',
    test: 'test/topics/feed.test.ts'
  },
  {
    name: 'a topic delivers messages of the same id again',
    file: 'lib/topics/hub.ts',
    from: 'if (topic === undefined || !this.#ids.add(keyOf(name, message.id), message.cursor)) return',
    to: 'this.#ids.add(keyOf(name, message.id), message.cursor)\n    if (topic === undefined) return',
    test: 'test/topics/hub.test.ts'
  },
  {
    name: 'the gap of a feed does not reach live sockets',
    file: 'lib/topics/hub.ts',
    from: '    this.#topics.get(name)?.sendGap(cursor)\n',
    to: '',
    test: 'test/topics/hub.test.ts'
  },
  {
    name: 'the older generation of ids is not looked at',
    file: 'lib/topics/recent-ids.ts',
    from: 'if (this.#cursors.has(id) || this.#older.has(id)) return false',
    to: 'if (this.#cursors.has(id)) return false',
    test: 'test/topics/recent-ids.test.ts'
  },
  {
    name: 'a message that a client has not had counts as repeated',
    file: 'lib/topics/recent-ids.ts',
    from: 'if (each === known) return isBehind',
    to: 'if (each === known) return true',
    test: 'test/topics/recent-ids.test.ts'
  },
  {
    name: 'a publication resolves before the engine has accepted it',
    file: 'lib/engine/outgoing.ts',
    from: '      entry.wasSent = true\n',
    to: '      entry.wasSent = true\n      entry.resolve({ cursor: \'\' })\n',
    test: 'test/engine/outgoing.test.ts'
  },
  {
    name: 'a batch does not name the unanswered message before it',
    file: 'lib/engine/outgoing.ts',
    from: 'const after = inFlight?.last',
    to: 'const after = undefined',
    test: 'test/engine/outgoing.test.ts'
  },
  {
    name: 'new messages are sent before those that are not answered',
    file: 'lib/engine/outgoing.ts',
    from: 'this.#unsent = Array.from(this.#entries)',
    to: 'this.#unsent = Array.from(this.#entries).reverse()',
    test: 'test/engine/outgoing.test.ts'
  },
  {
    name: 'all waiting messages are sent before the first is answered',
    file: 'lib/engine/outgoing.ts',
    from: '    this.#state = \'probing\'\n',
    to: '    this.#state = \'sending\'\n',
    test: 'test/engine/outgoing.test.ts'
  },
  {
    name: 'a live socket resumes where this process is',
    file: 'lib/topics/live-session.ts',
    from: 'let at = cursor ?? feed.last',
    to: 'let at = feed.last',
    test: 'test/topics/hub.test.ts'
  },
  {
    name: 'a live socket that reads a long history receives messages again',
    file: 'lib/topics/live-session.ts',
    from: 'at = page.messages.at(-1)!.cursor',
    to: 'at = page.messages[0]!.cursor',
    test: 'test/topics/hub.test.ts'
  },
  {
    name: 'a live socket that resumes behind a gap is not told so',
    file: 'lib/topics/live-session.ts',
    from: '        else isGap = true\n',
    to: '',
    test: 'test/topics/hub.test.ts'
  },
  {
    name: 'a live socket receives what it has under another cursor',
    file: 'lib/topics/live-session.ts',
    from: 'if (known !== undefined && this.#owner.isRepeated(name, message, known)) continue',
    to: '',
    test: 'test/topics/hub.test.ts'
  },
  {
    name: 'a member leaves with its first socket',
    file: 'lib/topics/presence.ts',
    from: 'if (--held.sockets === 0)',
    to: 'if (--held.sockets >= 0)',
    test: 'test/topics/presence.test.ts'
  },
  {
    name: 'a member that came back leaves at the end of its grace',
    file: 'lib/topics/presence.ts',
    from: '      this.#endGrace(known)\n',
    to: '',
    test: 'test/topics/presence.test.ts'
  },
  {
    name: 'a history keeps one message more than its size',
    file: 'lib/engine/topic-log.ts',
    from: 'while (this.size > size)',
    to: 'while (this.size > size + 1)',
    test: 'test/engine/topic-log.test.ts'
  },
  {
    name: 'a page of a history has one message more than its limit',
    file: 'lib/engine/topic-log.ts',
    from: 'slice(start, start + limit)',
    to: 'slice(start, start + limit + 1)',
    test: 'test/engine/topic-log.test.ts'
  },
  {
    name: 'a message of a known id is accepted again by the engine in memory',
    file: 'lib/engine/memory.ts',
    from: 'if (known !== undefined) return Promise.resolve({ cursor: known })',
    to: '',
    test: 'test/engine/memory.test.ts'
  },
  {
    name: 'a history that lost its older messages shows no gap',
    file: 'lib/engine/topic-log.ts',
    from: 'isGap: from < 0, head',
    to: 'isGap: false, head',
    test: 'test/engine/topic-log.test.ts'
  }
]
