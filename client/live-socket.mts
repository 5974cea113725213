import {
  LIVE_PROTOCOL, encodeFrame, isFrame, readServerFrame,
  type ClientFrame, type PayloadFrame, type ReceivedFrame, type ServerFrame
} from '../lib/topics/frames.js'
import type { DropEvent, GapEvent, LiveEventTarget, LiveMessageEvent, ReconnectingEvent } from './events.mjs'
import { addHandlers, type LiveEventHandlers } from './handlers.mjs'
import { dataOf, framed, messageOf, sizeOf, type Message, type Sendable } from './message.mjs'
import { NEVER_OFFERED, NOT_OFFERED, OFFERED, OFFERED_AGAIN, offerAfterFailure, type Offer } from './offer.mjs'
import type { LiveSocketOptions, WebSocketLike } from './options.mjs'
import { pauseOf, shouldReconnect } from './reconnecting.mjs'
import { CLOSED, CLOSING, CONNECTING, OPEN, STATES, type ReadyStates } from './states.mjs'
import { follow, type Cursors, type ResumingTopics, type TopicFrame } from './topic-cursors.mjs'

export { LIVE_PROTOCOL }
export type { LiveMember } from '../lib/topics/frames.js'
export type * from './events.mjs'
export type * from './options.mjs'

/** The URL, or a function that is called for each connection, for example to add a fresh token. */
export type LiveSocketUrl = string | URL | (() => string | URL | Promise<string | URL>)

const HELLO_TIMEOUT = 2000
const PROBE_TIMEOUT = 5000
const CLOSE_TIMEOUT = 3000
/** Several days, within the limit of timers. */
const NEVER = 1e9
/** If a timer fires this late, it was throttled, or the machine slept. */
const THROTTLED = 1000

const SIGNALS = ['online', 'offline', 'visibilitychange']

/** An EventTarget with the events, event handlers and constants of LiveSocket. */
interface LiveSocketBase extends ReadyStates {
  new (): LiveEventTarget & LiveEventHandlers & ReadyStates
}

/**
 * A WebSocket that reconnects, and resumes its topics where the server speaks the live subprotocol.
 *
 *                    ┌────────────────────────── delay over · online · visible ◀──────────────────────────┐
 *                    ▼                                                                                    │
 *   new ──▶ CONNECTING: dialling ──open──▶ greeting ──hello · other message · 2 s──▶ OPEN ──lost──▶ CONNECTING: waiting
 *                    │ refused · timeout         │ lost · a live server without hello           ▲         │
 *                    └───────────────────────────┴──────────────────────────────────────────────┘         │
 *   any of these ──close()──▶ CLOSING ──closed · 3 s──▶ CLOSED ◀── the code or `reconnect` says so ────────┘
 *
 * Without the live subprotocol there is no greeting: an open connection makes the socket OPEN.
 * There is one connection at a time. Events of earlier connections are ignored.
 * There is one timer at a time: it limits dialling, greeting and closing, ends waiting, and detects silence while OPEN.
 */
export class LiveSocket extends (EventTarget as LiveSocketBase) implements WebSocket {
  static {
    Object.assign(Object.assign(this, STATES).prototype, STATES)
  }

  binaryType: BinaryType = 'blob'

  readonly #source: LiveSocketUrl
  readonly #protocols: string[]
  readonly #options: LiveSocketOptions
  readonly #cursors: Cursors
  readonly #resuming: ResumingTopics = new Map()
  readonly #minBackoff: number
  #url = ''
  #protocol = ''
  #readyState: WebSocket['readyState'] = CONNECTING
  #ws: WebSocketLike | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The server does not accept an attempt before this time (`retry-after`). */
  #notBefore = 0
  #attempt = 0
  /** The upper limit of the last random wait, in milliseconds. */
  #ceiling = 0
  #openedAt = 0
  #offer: Offer
  /** Whether this connection speaks the live subprotocol. */
  #isLive = false
  /** The longest silence of a live connection, in milliseconds; 0 until the first `hello`. */
  #heartbeat = 0
  /** When the last message was received; 0 while a probe waits for an answer. */
  #receivedAt = 0
  #queue: Message[] = []
  #queuedBytes = 0

  constructor (url: LiveSocketUrl, protocols: string | string[] = [], options: LiveSocketOptions = {}) {
    super()
    this.#source = url
    this.#protocols = [protocols].flat()
    this.#options = options
    this.#offer = options.live === false ? NEVER_OFFERED : OFFERED
    this.#cursors = new Map(Object.entries(options.cursors ?? {}))
    this.#minBackoff = options.minBackoff ?? 1000
    addHandlers(this)
    this.#connect()
    for (const type of SIGNALS) globalThis.addEventListener?.(type, this.#onSignal)
  }

  /** The URL of the connection; '' while a function has not returned it. */
  get url (): string { return this.#url }
  get readyState (): WebSocket['readyState'] { return this.#readyState }
  /** The application's subprotocol, or ''. */
  get protocol (): string { return this.#protocol }
  get extensions (): string { return this.#ws?.extensions ?? '' }
  /** The bytes queued here and in the connection. */
  get bufferedAmount (): number { return this.#queuedBytes + (this.#ws?.bufferedAmount ?? 0) }
  /** The last cursor of each topic, in the format of the option `cursors`. */
  get cursors (): Record<string, string> { return Object.fromEntries(this.#cursors) }

  /** Sends data, or queues it until a connection opens. Emits `drop` if the queue is full or the socket closed. */
  send (data: Sendable): void {
    const message = messageOf(data)
    if (this.#isOpen()) return this.#transmit(message)
    const bytes = this.#queuedBytes + sizeOf(message)
    const { maxQueuedMessages = 1000, maxQueuedBytes = 1_048_576 } = this.#options
    const isFull = this.#queue.length >= maxQueuedMessages || bytes > maxQueuedBytes
    const reason = this.#readyState > OPEN ? 'closed' : isFull ? 'full' : ''
    if (reason) return this.#emit<DropEvent>('drop', { data, reason })
    // A copy, because the application may reuse its buffer.
    this.#queue.push(message.slice())
    this.#queuedBytes = bytes
  }

  /** Closes the socket for good. */
  close (code?: number, reason?: string): void {
    if (this.#readyState > OPEN) return
    const isOpen = this.#readyState === OPEN
    if (isOpen) this.#ws!.close(code, reason)
    else this.#discardConnection()
    this.#readyState = CLOSING
    this.#setTimer(isOpen ? CLOSE_TIMEOUT : 0, () => { this.#end(isOpen ? 1006 : code ?? 1005, reason) })
  }

  #emit (type: 'open' | 'error'): void
  #emit<E extends GapEvent | ReconnectingEvent | DropEvent | CloseEvent> (
    type: string, fields: Omit<E, keyof Event>
  ): void
  #emit (type: string, fields?: object): void {
    this.dispatchEvent(Object.assign(new Event(type), fields))
  }

  /** Whether data can be sent. The connection may be closing while the socket is OPEN. */
  #isOpen (): boolean {
    return this.#readyState === OPEN && this.#ws?.readyState === OPEN
  }

  #setTimer (delay: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, delay)
  }

  #connect (): void {
    const source = this.#source
    const isFunction = typeof source === 'function'
    this.#isLive = false
    // Before the timer is set, because an invalid URL throws.
    if (!isFunction) this.#open(source)
    this.#setTimer(this.#options.connectTimeout ?? 10_000, () => { this.#onLost(1006, 'timeout') })
    const timer = this.#timer
    if (isFunction) {
      Promise.resolve().then(source)
        .then((url) => { if (timer === this.#timer) this.#open(url) })
        .catch((error: unknown) => { if (timer === this.#timer) this.#onLost(1006, String(error)) })
    }
  }

  #open (url: string | URL): void {
    const WebSocket = this.#options.WebSocket ?? globalThis.WebSocket
    if (WebSocket === undefined) throw new TypeError('Give the option `WebSocket`')
    // Older browsers accept neither relative URLs nor http: and https:.
    const target = new URL(url, globalThis.location?.href)
    target.protocol = target.protocol.replace('http', 'ws')
    this.#url = target.href
    // Last, because a server that does not know it may choose the first.
    const protocols = this.#offer & NOT_OFFERED ? this.#protocols : [...this.#protocols, LIVE_PROTOCOL]
    const ws: WebSocketLike = new WebSocket(target.href, protocols)
    const fail = (code: number, reason: string, wasClean?: boolean): void => {
      if (code === 1006 && this.#readyState === CONNECTING && !this.#heartbeat) {
        const offer = this.#offer
        this.#offer = offerAfterFailure(offer)
        if (this.#offer > offer) return this.#connectAgain()
      }
      this.#onLost(code, reason, wasClean)
    }
    this.#ws = ws
    ws.binaryType = 'arraybuffer'
    ws.onopen = () => { this.#onOpen(ws.protocol) }
    ws.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => { this.#receive(data) }
    // Node.js 22 emits no `close` after a failed handshake. `ws` throws if there is no listener, so this one stays.
    ws.onerror = ({ message = '' }: { readonly message?: string }) => {
      if (ws === this.#ws && this.#readyState === CONNECTING) fail(1006, message)
    }
    ws.onclose = ({ code, reason, wasClean }: CloseEvent) => { fail(code, reason, wasClean) }
  }

  #onOpen (protocol: string): void {
    if (protocol === LIVE_PROTOCOL) {
      // A server that accepts any subprotocol sends no `hello`. Treat it as a plain one, unless it has sent one before.
      this.#setTimer(HELLO_TIMEOUT, () => { if (this.#heartbeat) this.#onLost(1006, 'no hello'); else this.#begin('') })
    } else if (this.#offer === NOT_OFFERED) {
      this.#offer = OFFERED_AGAIN
      this.#connectAgain()
    } else this.#begin(protocol)
  }

  /** Makes the socket OPEN. */
  #begin (protocol: string): void {
    this.#protocol = protocol
    this.#readyState = OPEN
    this.#openedAt = Date.now()
    if (this.#isLive) this.#watchForSilence()
    else clearTimeout(this.#timer)
    this.#emit('open')
    if (!this.#isLive) {
      // The server no longer speaks the subprotocol, so missed messages are lost.
      for (const topic of this.#cursors.keys()) this.#emit<GapEvent>('gap', { topic, cursor: '' })
      this.#cursors.clear()
    }
    // After `open`, whose listeners may have to authenticate first.
    while (this.#isOpen() && this.#queue.length > 0) {
      const data = this.#queue.shift()!
      this.#queuedBytes -= sizeOf(data)
      this.#transmit(data)
    }
  }

  #receive (data: string | ArrayBuffer): void {
    if (this.#readyState > OPEN) return
    this.#receivedAt = Date.now()
    const message = typeof data === 'string' ? data : new Uint8Array(data)
    if (this.#ws!.protocol === LIVE_PROTOCOL && isFrame(message)) {
      const frame = readServerFrame(message)
      if (this.#isLive) return frame && this.#onTopicFrame(frame)
      if (frame?.head.type === 'hello') return this.#onHello(frame.head)
    }
    if (this.#readyState === CONNECTING) this.#begin('')
    this.#deliver(message)
  }

  #onHello ({ heartbeat, protocol = '' }: Extract<ServerFrame, { type: 'hello' }>): void {
    this.#isLive = true
    this.#heartbeat = Math.min(heartbeat || NEVER, NEVER)
    this.#resume(this.cursors)
    if (this.#readyState === CONNECTING) this.#begin(protocol)
    else this.#watchForSilence()
  }

  #resume (topics: Readonly<Record<string, string>>): void {
    for (const topic in topics) this.#resuming.set(topic, true)
    this.#sendFrame({ type: 'resume', topics })
  }

  #onTopicFrame ({ head, payload }: ReceivedFrame<ServerFrame>): void {
    if (head.type === 'send') return this.#deliver(payload)
    if (!('topic' in head)) return
    const { type, ...fields }: TopicFrame = head
    const { topic, cursor, prev } = fields
    const isBroken = follow(this.#cursors, this.#resuming, head, (topics) => { this.#resume(topics) })
    if (isBroken === undefined) return
    if (type === 'message') {
      if (isBroken) this.#emit<GapEvent>('gap', { topic, cursor: prev! })
      return this.#deliver(payload, topic, cursor)
    }
    if (isBroken) fields.isGap = true
    this.#emit<GapEvent>(type, fields as GapEvent)
    if (fields.isGap) this.#emit<GapEvent>('gap', fields as GapEvent)
  }

  #deliver (payload: string | Uint8Array<ArrayBuffer>, topic?: string, cursor?: string): void {
    if (this.#readyState !== OPEN) return
    const event = new MessageEvent('message', {
      data: dataOf(payload, this.binaryType), origin: new URL(this.#url).origin
    })
    this.dispatchEvent(Object.assign(event, { topic, cursor }) satisfies LiveMessageEvent)
  }

  /** Sends a message of the application. */
  #transmit (message: Message): void {
    this.#ws!.send((this.#isLive ? framed(message) : message) as never)
  }

  #sendFrame (frame: Exclude<ClientFrame, PayloadFrame>): void {
    this.#ws!.send(encodeFrame(frame) as never)
  }

  /** Detects silence, without a timer per message. */
  #watchForSilence (delay = this.#heartbeat + this.#receivedAt - Date.now()): void {
    this.#setTimer(delay, () => {
      const late = Date.now() - this.#receivedAt - this.#heartbeat
      if (late < 0) this.#watchForSilence()
      // This client was asleep, so the silence does not mean that the connection is dead.
      else if (late > THROTTLED && this.#receivedAt !== 0) this.#probe()
      else this.#onLost(1006, 'silent')
    })
  }

  /** Asks the server for a `ping`. */
  #probe (): void {
    this.#receivedAt = 0
    this.#sendFrame({ type: 'ping' })
    this.#watchForSilence(PROBE_TIMEOUT)
  }

  /** Handles a network change, and a page that becomes visible. */
  readonly #onSignal = ({ type }: { readonly type: string }): void => {
    if (type === 'visibilitychange' && globalThis.document?.hidden) return
    if (this.#readyState === OPEN) {
      if (this.#isLive && this.#receivedAt !== 0) this.#probe()
    } else if (!this.#ws && type !== 'offline') {
      // A random delay, because a whole office can come back online at once.
      this.#connectAfter(Math.max(this.#notBefore - Date.now(), Math.random() * this.#minBackoff))
    }
  }

  /** Handles a lost or discarded connection: waits for the next attempt, or ends the socket. */
  #onLost (code: number, reason: string, wasClean = false): void {
    const now = Date.now()
    if (this.#readyState === OPEN && now - this.#openedAt >= this.#ceiling) this.#attempt = 0
    this.#discardConnection()
    const { reconnect = shouldReconnect, maxBackoff = 30_000 } = this.#options
    this.#ceiling = Math.min(maxBackoff, this.#minBackoff * 2 ** this.#attempt)
    const attempt = ++this.#attempt
    let isOver = true
    try {
      isOver = this.#readyState === CLOSING || !reconnect(code, reason, attempt)
    } finally {
      // Also if `reconnect` throws, because nothing else would end the socket.
      if (isOver) this.#end(code, reason, wasClean)
    }
    if (isOver) return
    const pause = pauseOf(reason)
    const delay = pause + Math.random() * this.#ceiling
    this.#readyState = CONNECTING
    this.#notBefore = now + pause
    this.#connectAfter(delay)
    this.#emit<ReconnectingEvent>('reconnecting', { code, reason, attempt, delay })
  }

  #connectAfter (delay: number): void {
    this.#setTimer(delay, () => { this.#connect() })
  }

  #connectAgain (): void {
    this.#discardConnection()
    this.#connect()
  }

  #discardConnection (): void {
    const ws = this.#ws
    this.#ws = undefined
    if (ws !== undefined) {
      ws.onopen = ws.onmessage = ws.onclose = null
      ws.close()
    }
  }

  #end (code: number, reason = '', wasClean = false): void {
    const isFailure = this.#readyState !== CLOSING && !wasClean
    this.#discardConnection()
    clearTimeout(this.#timer)
    this.#readyState = CLOSED
    for (const type of SIGNALS) globalThis.removeEventListener?.(type, this.#onSignal)
    const dropped = this.#queue
    this.#queue = []
    this.#queuedBytes = 0
    for (const data of dropped) this.#emit<DropEvent>('drop', { data, reason: 'closed' })
    if (isFailure) this.#emit('error')
    const fields = { code, reason, wasClean }
    // Node.js 20 has no CloseEvent.
    if (globalThis.CloseEvent) this.dispatchEvent(new CloseEvent('close', fields))
    else this.#emit<CloseEvent>('close', fields)
  }
}
