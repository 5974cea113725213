/** A fault that is put into lib/, and a test that must fail because of it. */
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
    name: 'the slab is released while a write from it is pending',
    file: 'lib/transport/write-queue.ts',
    from: 'if (chunk === slab && !this.isWriting) closeRegion()',
    to: 'if (chunk === slab) closeRegion()',
    test: 'test/transport/write-queue.test.ts'
  },
  {
    name: 'a chunk of the backlog is kept even if most of it is unused',
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
    name: 'fragments are counted across messages',
    file: 'lib/protocol/rfc6455.ts',
    from: '      this.#fragments = 0\n',
    to: '',
    test: 'test/protocol/rfc6455.test.ts'
  },
  {
    name: 'a text in fragments is only validated when it is complete',
    file: 'lib/protocol/rfc6455.ts',
    from: 'if (!this.#validator.append(receiveBuffer.bytes, start, end)) return',
    to: 'if (!this.#validator.append(receiveBuffer.bytes, start, end) && isLast && this.#fin) return',
    test: 'test/conformance/catalogue.test.ts'
  },
  {
    name: 'a terminated socket goes on with decompressing',
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
    name: 'the assembler allocates 64 times the bytes received',
    file: 'lib/codec/assembler.ts',
    from: 'const MAX_ROOM_FACTOR = 8',
    to: 'const MAX_ROOM_FACTOR = 64',
    test: 'test/codec/assembler.test.ts'
  },
  {
    name: 'the assembler grows 64-fold if no length is announced',
    file: 'lib/codec/assembler.ts',
    from: ': 2 * length',
    to: ': 64 * length',
    test: 'test/codec/assembler.test.ts'
  },
  {
    name: 'a length of hixie may not have nine bytes',
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
    name: 'a peer only counts as slow beyond the limit plus one message',
    file: 'lib/socket/sender.ts',
    from: 'if (this.queuedAmount > this.limit) {\n      const result',
    to: 'if (this.queuedAmount > this.limit + 16) {\n      const result',
    test: 'test/socket/backpressure.test.ts'
  },
  {
    name: 'reading resumes as soon as a full queue has one free place',
    file: 'lib/socket/receiver.ts',
    from: '<= QUEUE_LIMIT / 2',
    to: '<= QUEUE_LIMIT',
    test: 'test/socket/receiver.test.ts'
  },
  {
    name: 'a refusal keeps the connection alive',
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
    name: 'a feed does not report messages that the history has lost',
    file: 'lib/topics/feed.ts',
    from: 'if (isGap || (this.last',
    to: 'if ((this.last',
    test: 'test/topics/feed.test.ts'
  },
  {
    name: 'a feed reports a message twice that arrives twice',
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
    name: 'a topic delivers a second message with the same id',
    file: 'lib/topics/hub.ts',
    from: 'if (topic === undefined || !this.#ids.add(name, message.id, message.cursor)) return',
    to: 'this.#ids.add(name, message.id, message.cursor)\n    if (topic === undefined) return',
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
    name: 'an id is known in all topics',
    file: 'lib/topics/recent-ids.ts',
    from: '(this.#ids[index] !== id || this.#topics[index] !== topic)',
    to: '(this.#ids[index] !== id)',
    test: 'test/topics/recent-ids.test.ts'
  },
  {
    name: 'a message that a client has not received counts as repeated',
    file: 'lib/topics/recent-ids.ts',
    from: 'if (this.#cursors[index] === known && this.#topics[index] === topic) return isBehind',
    to: 'if (this.#cursors[index] === known && this.#topics[index] === topic) return true',
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
    name: 'messages are sent again in reverse order',
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
    name: 'a live socket resumes at the last message of the feed',
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
    name: 'a live socket that resumes behind a gap receives no gap frame',
    file: 'lib/topics/live-session.ts',
    from: '        else isGap = true\n',
    to: '',
    test: 'test/topics/hub.test.ts'
  },
  {
    name: 'a live socket receives a message again under another cursor',
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
