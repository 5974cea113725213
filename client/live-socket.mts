import {
  LIVE_PROTOCOL, encodeFrame, isFrame, readServerFrame,
  type ClientFrame, type PayloadFrame, type ReceivedFrame, type ServerFrame
} from '../lib/topics/frames.js'
import type {
  DropEvent, GapEvent, LiveEventTarget, LiveMessageEvent, LiveSocketEventMap, ReconnectingEvent
} from './events.mjs'
import type { LiveSocketOptions, WebSocketLike } from './options.mjs'

export { LIVE_PROTOCOL }
export type { LiveMember } from '../lib/topics/frames.js'
export type * from './events.mjs'
export type * from './options.mjs'

type Sendable = string | BufferSource | Blob
type Message = string | Uint8Array<ArrayBuffer> | Blob

/** The URL, or a function that is called for each connection, for example to add a fresh token. */
export type LiveSocketUrl = string | URL | (() => string | URL | Promise<string | URL>)

/** The head of a frame about a topic, checked by `readServerFrame()`, with all optional fields. */
interface TopicFrame {
  readonly type: ServerFrame['type']
  readonly topic: string
  readonly cursor?: string
  readonly prev?: string
  isGap?: boolean
}

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3
const STATES = { CONNECTING, OPEN, CLOSING, CLOSED } as const

const HELLO_TIMEOUT = 2000
const PROBE_TIMEOUT = 5000
const CLOSE_TIMEOUT = 3000
/** Several days, within the limit of timers. */
const NEVER = 1e9
/** If a timer fires this late, it was throttled, or the machine slept. */
const THROTTLED = 1000

/**
 * Whether the live subprotocol is offered. Browsers fail a handshake if the server chooses none of the offered
 * subprotocols, without a reason. So until the server is known to speak it: if 0 fails, try 1. If 1 fails too, return
 * to 0 after the backoff. If 1 opens, try 2, because the server may have restarted in between. If 2 fails, the server
 * does not speak it: 3.
 */
const OFFERED: number = 0
const NOT_OFFERED = 1
const OFFERED_AGAIN = 2
const NEVER_OFFERED = 3

const TYPES = [
  'open', 'message', 'error', 'close', 'reconnecting', 'subscribed', 'unsubscribed', 'gap', 'join', 'leave', 'drop'
] as const
const SIGNALS = ['online', 'offline', 'visibilitychange']

/** The error message of `ws` for a refused handshake. Browsers have none. */
const REFUSED = /(?:response|code): 4(?!08|25|29)\d\d/
const RETRY_AFTER = /\bretry-after=(\d{1,5})\b/

const shouldReconnect = (code: number, reason: string): boolean =>
  code !== 1000 && code !== 1008 && code < 4000 && !(code === 1006 && REFUSED.test(reason))

const Base = EventTarget as new () => LiveEventTarget

type Handler<Type extends keyof LiveSocketEventMap> =
  ((this: WebSocket, event: LiveSocketEventMap[Type]) => unknown) | null

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
export class LiveSocket extends Base implements WebSocket {
  declare static readonly CONNECTING: typeof CONNECTING
  declare static readonly OPEN: typeof OPEN
  declare static readonly CLOSING: typeof CLOSING
  declare static readonly CLOSED: typeof CLOSED
  declare readonly CONNECTING: typeof CONNECTING
  declare readonly OPEN: typeof OPEN
  declare readonly CLOSING: typeof CLOSING
  declare readonly CLOSED: typeof CLOSED

  static {
    Object.assign(Object.assign(this, STATES).prototype, STATES)
  }

  binaryType: BinaryType = 'blob'
  /** Called each time a connection opens. Messages sent here precede the queued ones. */
  declare onopen: Handler<'open'>
  declare onmessage: Handler<'message'>
  /** Called before `onclose` if the socket ends because of a failure. */
  declare onerror: Handler<'error'>
  /** Called once, when the socket ends for good. */
  declare onclose: Handler<'close'>
  declare onreconnecting: Handler<'reconnecting'>
  declare onsubscribed: Handler<'subscribed'>
  declare onunsubscribed: Handler<'unsubscribed'>
  declare ongap: Handler<'gap'>
  declare onjoin: Handler<'join'>
  declare onleave: Handler<'leave'>
  declare ondrop: Handler<'drop'>

  readonly #source: LiveSocketUrl
  readonly #protocols: string[]
  readonly #options: LiveSocketOptions
  readonly #minBackoff: number
  /** The last cursor of each topic. */
  readonly #cursors: Map<string, string>
  /**
   * Topics that are resuming: true between `resume` and `subscribed`, when messages are ignored, because the server
   * repeats them after `subscribed`; false from then until the first message.
   */
  readonly #resumes = new Map<string, boolean>()
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
  #offer = OFFERED
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
    this.#minBackoff = options.minBackoff ?? 1000
    if (options.live === false) this.#offer = NEVER_OFFERED
    this.#cursors = new Map(Object.entries(options.cursors ?? {}))
    for (const type of TYPES) {
      const name = `on${type}` as const
      this[name] = null
      this.addEventListener(type as string, (event) => { (this[name] as ((event: Event) => unknown) | null)?.(event) })
    }
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
      if (code === 1006 && this.#readyState === CONNECTING && !this.#heartbeat && this.#offer !== NEVER_OFFERED) {
        this.#offer ^= NOT_OFFERED
        if (this.#offer !== OFFERED) {
          this.#discardConnection()
          return this.#connect()
        }
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
      this.#discardConnection()
      this.#connect()
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
      if (frame?.head.type === 'hello') return this.#onHello(frame.head.heartbeat, frame.head.protocol)
    }
    if (this.#readyState === CONNECTING) this.#begin('')
    this.#deliver(message)
  }

  #onHello (heartbeat: number, protocol = ''): void {
    this.#isLive = true
    this.#heartbeat = Math.min(heartbeat || NEVER, NEVER)
    this.#resume(this.cursors)
    if (this.#readyState === CONNECTING) this.#begin(protocol)
    else this.#watchForSilence()
  }

  #resume (topics: Readonly<Record<string, string>>): void {
    for (const topic in topics) this.#resumes.set(topic, true)
    this.#sendFrame({ type: 'resume', topics })
  }

  #onTopicFrame ({ head, payload }: ReceivedFrame<ServerFrame>): void {
    if (head.type === 'send') return this.#deliver(payload)
    if (!('topic' in head)) return
    const { type, ...fields }: TopicFrame = head
    const { topic, cursor } = fields
    const last = this.#cursors.get(topic)
    const isResuming = this.#resumes.get(topic)
    const isMessage = type === 'message'
    const isStart = type === 'subscribed'
    if (cursor !== undefined) {
      // Ignore messages before `subscribed`, and repeated ones.
      if ((isResuming && !isStart) || (isMessage && cursor === last)) return
      const start = isMessage ? fields.prev : isStart ? cursor : last
      const isBroken = last !== undefined && start !== last
      // A message is missing or repeated: ask the server, unless this is its answer.
      if (isBroken && isResuming === undefined) return this.#resume({ [topic]: last })
      this.#cursors.set(topic, cursor)
      if (isStart) this.#resumes.set(topic, false)
      else this.#resumes.delete(topic)
      if (isMessage) {
        if (isBroken) this.#emit<GapEvent>('gap', { topic, cursor: start! })
        return this.#deliver(payload, topic, cursor)
      }
      if (isBroken) fields.isGap = true
    } else if (type === 'unsubscribed') this.#cursors.delete(topic)
    this.#emit<GapEvent>(type, fields as GapEvent)
    if (fields.isGap) this.#emit<GapEvent>('gap', fields as GapEvent)
  }

  #deliver (payload: string | Uint8Array<ArrayBuffer>, topic?: string, cursor?: string): void {
    if (this.#readyState !== OPEN) return
    const data = typeof payload === 'string'
      ? payload
      : this.binaryType === 'blob' ? new Blob([payload]) : payload.slice().buffer
    const event = new MessageEvent('message', { data, origin: new URL(this.#url).origin })
    this.dispatchEvent(Object.assign(event, { topic, cursor }) satisfies LiveMessageEvent)
  }

  /** Sends a message of the application, in a frame if it could be mistaken for one. */
  #transmit (message: Message): void {
    if (this.#isLive) {
      if (message instanceof Blob) message = new Blob([encodeFrame({ type: 'send' }, new Uint8Array()), message])
      else if (isFrame(message)) message = encodeFrame({ type: 'send' }, message)
    }
    this.#ws!.send(message as never)
  }

  #sendFrame (frame: Exclude<ClientFrame, PayloadFrame>): void {
    this.#ws!.send(encodeFrame(frame) as never)
  }

  /** Detects silence, without a timer per message. */
  #watchForSilence (delay = this.#heartbeat + this.#receivedAt - Date.now()): void {
    this.#setTimer(delay, () => {
      const late = Date.now() - this.#receivedAt - this.#heartbeat
      if (late < 0) this.#watchForSilence()
      // This client was asleep, so the silence says nothing about the server.
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
    if (this.#readyState === CLOSING || !reconnect(code, reason, attempt)) return this.#end(code, reason, wasClean)
    const pause = Number(RETRY_AFTER.exec(reason)?.[1] ?? 0) * 1000
    const delay = pause + Math.random() * this.#ceiling
    this.#readyState = CONNECTING
    this.#notBefore = now + pause
    this.#connectAfter(delay)
    this.#emit<ReconnectingEvent>('reconnecting', { code, reason, attempt, delay })
  }

  #connectAfter (delay: number): void {
    this.#setTimer(delay, () => { this.#connect() })
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

/** Converts binary data to bytes, and anything else to text, as WebSocket does. */
function messageOf (data: Sendable): Message {
  if (data instanceof Blob) return data
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : String(data)
}

const sizeOf = (message: Message): number => new Blob([message]).size
