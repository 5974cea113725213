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

/** What can be sent. */
type Sendable = string | BufferSource | Blob
type Message = string | Uint8Array<ArrayBuffer> | Blob

/** The url, or a function that is called for each connection, for instance to put a fresh token into it. */
export type LiveSocketUrl = string | URL | (() => string | URL | Promise<string | URL>)

/** A frame about a topic, checked by `readServerFrame()`, with the fields that some have. */
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
/** Days, and no more than timers can be set to. */
const NEVER = 1e9
/** A timer that fires so much later than it was due was throttled, or the machine slept. */
const THROTTLED = 1000

/**
 * Whether the subprotocol is offered, where it is not known whether the server speaks it: browsers fail a handshake in
 * which the server chose none of those offered, and do not say why. So 0 fails → 1 fails → 0 after the backoff, and
 * 1 opens → 2 (the server may have come back between the two) fails → 3: this server does not speak it.
 */
const OFFERED: number = 0
const NOT_OFFERED = 1
const OFFERED_AGAIN = 2
const NEVER_OFFERED = 3

const TYPES = [
  'open', 'message', 'error', 'close', 'reconnecting', 'subscribed', 'unsubscribed', 'gap', 'join', 'leave', 'drop'
] as const
const SIGNALS = ['online', 'offline', 'visibilitychange']

/** `ws` says so of a refused handshake; browsers say nothing. */
const REFUSED = /(?:response|code): 4(?!08|25|29)\d\d/
const RETRY_AFTER = /\bretry-after=(\d{1,5})\b/

const shouldReconnect = (code: number, reason: string): boolean =>
  code !== 1000 && code !== 1008 && code < 4000 && !(code === 1006 && REFUSED.test(reason))

const Base = EventTarget as new () => LiveEventTarget

type Handler<Type extends keyof LiveSocketEventMap> = ((this: WebSocket, event: LiveSocketEventMap[Type]) => unknown) | null

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
 * Without the live subprotocol there is no greeting: the connection is OPEN when it opened.
 * There is one connection at a time: what an earlier one still reports is not heard.
 * There is one timer at a time: dialling, greeting and closing are limited by it, waiting ends by it, and while the
 * socket is OPEN it watches for silence.
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
  /** Called each time a connection is open, so that what the server must be told first can be sent here. */
  declare onopen: Handler<'open'>
  declare onmessage: Handler<'message'>
  /** Called when the socket ends by a failure, before `onclose`. */
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
   * Topics that are resumed: true after `resume`, because messages that arrive before `subscribed` come again behind it;
   * false after `subscribed`, until the first message.
   */
  readonly #resumes = new Map<string, boolean>()
  #url = ''
  #protocol = ''
  #readyState: WebSocket['readyState'] = CONNECTING
  #ws: WebSocketLike | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The time before which the server does not want the next attempt. */
  #notBefore = 0
  #attempt = 0
  /** The longest that the last wait could have been. */
  #ceiling = 0
  #openedAt = 0
  #offer = OFFERED
  /** Whether this connection speaks the subprotocol. */
  #isLive = false
  /** The longest silence of a live connection; 0 until there was one. */
  #heartbeat = 0
  /** When something was last received; 0 while a probe waits for an answer. */
  #heardAt = 0
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
    for (const type of SIGNALS) globalThis.addEventListener?.(type, this.#check)
  }

  /** The URL of the connection; '' until a function has returned it. */
  get url (): string { return this.#url }
  get readyState (): WebSocket['readyState'] { return this.#readyState }
  /** The application's subprotocol, or ''. */
  get protocol (): string { return this.#protocol }
  get extensions (): string { return this.#ws?.extensions ?? '' }
  /** The bytes that wait for a connection, and those which wait in it. */
  get bufferedAmount (): number { return this.#queuedBytes + (this.#ws?.bufferedAmount ?? 0) }
  /** The last cursor of each topic, as the option `cursors` takes them. */
  get cursors (): Record<string, string> { return Object.fromEntries(this.#cursors) }

  /** Sends, or keeps it for the next connection; a `drop` event says what is not kept. */
  send (data: Sendable): void {
    const message = messageOf(data)
    if (this.#isOpen()) return this.#transmit(message)
    const bytes = this.#queuedBytes + sizeOf(message)
    const { maxQueuedMessages = 1000, maxQueuedBytes = 1_048_576 } = this.#options
    const isFull = this.#queue.length >= maxQueuedMessages || bytes > maxQueuedBytes
    const reason = this.#readyState > OPEN ? 'closed' : isFull ? 'full' : ''
    if (reason) return this.#emit<DropEvent>('drop', { data, reason })
    // A copy: what waits must not change with the buffer of the application.
    this.#queue.push(message.slice())
    this.#queuedBytes = bytes
  }

  /** Ends the socket for good. */
  close (code?: number, reason?: string): void {
    if (this.#readyState > OPEN) return
    const isOpen = this.#readyState === OPEN
    if (isOpen) this.#ws!.close(code, reason)
    else this.#abandon()
    this.#readyState = CLOSING
    this.#after(isOpen ? CLOSE_TIMEOUT : 0, () => { this.#end(isOpen ? 1006 : code ?? 1005, reason) })
  }

  #emit (type: 'open' | 'error'): void
  #emit<E extends GapEvent | ReconnectingEvent | DropEvent | CloseEvent> (type: string, fields: Omit<E, keyof Event>): void
  #emit (type: string, fields?: object): void {
    this.dispatchEvent(Object.assign(new Event(type), fields))
  }

  /** Whether what is sent now leaves: the connection may be closing already. */
  #isOpen (): boolean {
    return this.#readyState === OPEN && this.#ws?.readyState === OPEN
  }

  #after (delay: number, act: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(act, delay)
  }

  #connect (): void {
    const source = this.#source
    const isFunction = typeof source === 'function'
    this.#isLive = false
    // Before the timer is set: the constructor throws where the URL is wrong.
    if (!isFunction) this.#dial(source)
    this.#after(this.#options.connectTimeout ?? 10_000, () => { this.#lose(1006, 'timeout') })
    const timer = this.#timer
    if (isFunction) {
      Promise.resolve().then(source)
        .then((url) => { if (timer === this.#timer) this.#dial(url) })
        .catch((error: unknown) => { if (timer === this.#timer) this.#lose(1006, String(error)) })
    }
  }

  #dial (url: string | URL): void {
    const WebSocket = this.#options.WebSocket ?? globalThis.WebSocket
    if (WebSocket === undefined) throw new TypeError('Give the option `WebSocket`')
    // Older browsers resolve neither relative URLs nor http: and https:.
    const target = new URL(url, globalThis.location?.href)
    target.protocol = target.protocol.replace('http', 'ws')
    this.#url = target.href
    // Offered last: a server that takes the first one knows nothing of this, while one that speaks it looks for it.
    const protocols = this.#offer & NOT_OFFERED ? this.#protocols : [...this.#protocols, LIVE_PROTOCOL]
    const ws: WebSocketLike = new WebSocket(target.href, protocols)
    const fail = (code: number, reason: string, wasClean?: boolean): void => {
      if (code === 1006 && this.#readyState === CONNECTING && !this.#heartbeat && this.#offer !== NEVER_OFFERED) {
        this.#offer ^= NOT_OFFERED
        if (this.#offer !== OFFERED) {
          this.#abandon()
          return this.#connect()
        }
      }
      this.#lose(code, reason, wasClean)
    }
    this.#ws = ws
    ws.binaryType = 'arraybuffer'
    ws.onopen = () => { this.#opened(ws.protocol) }
    ws.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => { this.#receive(data) }
    // Node.js 22 does not follow it by `close` where the handshake failed. `ws` throws where nobody listens, also later.
    ws.onerror = ({ message = '' }: { readonly message?: string }) => {
      if (ws === this.#ws && this.#readyState === CONNECTING) fail(1006, message)
    }
    ws.onclose = ({ code, reason, wasClean }: CloseEvent) => { fail(code, reason, wasClean) }
  }

  #opened (protocol: string): void {
    if (protocol === LIVE_PROTOCOL) {
      // A server that takes any subprotocol says no hello: after a while it is taken for what it is.
      // One that said hello before is not.
      this.#after(HELLO_TIMEOUT, () => { if (this.#heartbeat) this.#lose(1006, 'no hello'); else this.#start('') })
    } else if (this.#offer === NOT_OFFERED) {
      this.#offer = OFFERED_AGAIN
      this.#abandon()
      this.#connect()
    } else this.#start(protocol)
  }

  /** The connection is open for the application. */
  #start (protocol: string): void {
    this.#protocol = protocol
    this.#readyState = OPEN
    this.#openedAt = Date.now()
    if (this.#isLive) this.#watch()
    else clearTimeout(this.#timer)
    this.#emit('open')
    if (!this.#isLive) {
      // A server that spoke the subprotocol does so no longer: what was missed cannot be known.
      for (const topic of this.#cursors.keys()) this.#emit<GapEvent>('gap', { topic, cursor: '' })
      this.#cursors.clear()
    }
    // Behind what listeners of `open` send: the server may have to be told something first.
    while (this.#isOpen() && this.#queue.length > 0) {
      const data = this.#queue.shift()!
      this.#queuedBytes -= sizeOf(data)
      this.#transmit(data)
    }
  }

  #receive (data: string | ArrayBuffer): void {
    if (this.#readyState > OPEN) return
    this.#heardAt = Date.now()
    const message = typeof data === 'string' ? data : new Uint8Array(data)
    if (this.#ws!.protocol === LIVE_PROTOCOL && isFrame(message)) {
      const frame = readServerFrame(message)
      if (this.#isLive) return frame && this.#follow(frame)
      if (frame?.head.type === 'hello') return this.#greet(frame.head.heartbeat, frame.head.protocol)
    }
    if (this.#readyState === CONNECTING) this.#start('')
    this.#deliver(message)
  }

  #greet (heartbeat: number, protocol = ''): void {
    this.#isLive = true
    this.#heartbeat = Math.min(heartbeat || NEVER, NEVER)
    this.#resume(this.cursors)
    if (this.#readyState === CONNECTING) this.#start(protocol)
    else this.#watch()
  }

  #resume (topics: Readonly<Record<string, string>>): void {
    for (const topic in topics) this.#resumes.set(topic, true)
    this.#tell({ type: 'resume', topics })
  }

  #follow ({ head, payload }: ReceivedFrame<ServerFrame>): void {
    if (head.type === 'send') return this.#deliver(payload)
    if (!('topic' in head)) return
    const { type, ...fields }: TopicFrame = head
    const { topic, cursor } = fields
    const last = this.#cursors.get(topic)
    const isResuming = this.#resumes.get(topic)
    const isMessage = type === 'message'
    const isStart = type === 'subscribed'
    if (cursor !== undefined) {
      // While it is resumed the topic begins with `subscribed`. The same cursor twice is the same message.
      if ((isResuming && !isStart) || (isMessage && cursor === last)) return
      const start = isMessage ? fields.prev : isStart ? cursor : last
      const isBroken = last !== undefined && start !== last
      // Something is missing, or this comes a second time: the server knows. Where it was just asked, it does not.
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

  /** Sends a message of the application; where it could be taken for a frame, in one. */
  #transmit (message: Message): void {
    if (this.#isLive) {
      if (message instanceof Blob) message = new Blob([encodeFrame({ type: 'send' }, new Uint8Array()), message])
      else if (isFrame(message)) message = encodeFrame({ type: 'send' }, message)
    }
    this.#ws!.send(message as never)
  }

  #tell (frame: Exclude<ClientFrame, PayloadFrame>): void {
    this.#ws!.send(encodeFrame(frame) as never)
  }

  /** Watches for silence, without a timer for each message. */
  #watch (delay = this.#heartbeat + this.#heardAt - Date.now()): void {
    this.#after(delay, () => {
      const late = Date.now() - this.#heardAt - this.#heartbeat
      if (late < 0) this.#watch()
      // What came meanwhile may not have been handed over yet, and the server has not been heard for a reason of ours.
      else if (late > THROTTLED && this.#heardAt !== 0) this.#probe()
      else this.#lose(1006, 'silent')
    })
  }

  /** Asks the server for a sign of life. */
  #probe (): void {
    this.#heardAt = 0
    this.#tell({ type: 'ping' })
    this.#watch(PROBE_TIMEOUT)
  }

  /** The network has changed, or the page is seen again. */
  readonly #check = ({ type }: { readonly type: string }): void => {
    if (type === 'visibilitychange' && globalThis.document?.hidden) return
    if (this.#readyState === OPEN) {
      if (this.#isLive && this.#heardAt !== 0) this.#probe()
    } else if (!this.#ws && type !== 'offline') {
      // Not all at once: a whole office comes back online in the same moment.
      this.#wait(Math.max(this.#notBefore - Date.now(), Math.random() * this.#minBackoff))
    }
  }

  /** The connection is gone, or is given up. */
  #lose (code: number, reason: string, wasClean = false): void {
    const now = Date.now()
    if (this.#readyState === OPEN && now - this.#openedAt >= this.#ceiling) this.#attempt = 0
    this.#abandon()
    const { reconnect = shouldReconnect, maxBackoff = 30_000 } = this.#options
    this.#ceiling = Math.min(maxBackoff, this.#minBackoff * 2 ** this.#attempt)
    const attempt = ++this.#attempt
    if (this.#readyState === CLOSING || !reconnect(code, reason, attempt)) return this.#end(code, reason, wasClean)
    const pause = Number(RETRY_AFTER.exec(reason)?.[1] ?? 0) * 1000
    const delay = pause + Math.random() * this.#ceiling
    this.#readyState = CONNECTING
    this.#notBefore = now + pause
    this.#wait(delay)
    this.#emit<ReconnectingEvent>('reconnecting', { code, reason, attempt, delay })
  }

  #wait (delay: number): void {
    this.#after(delay, () => { this.#connect() })
  }

  #abandon (): void {
    const ws = this.#ws
    this.#ws = undefined
    if (ws !== undefined) {
      ws.onopen = ws.onmessage = ws.onclose = null
      ws.close()
    }
  }

  #end (code: number, reason = '', wasClean = false): void {
    const isFailure = this.#readyState !== CLOSING && !wasClean
    this.#abandon()
    clearTimeout(this.#timer)
    this.#readyState = CLOSED
    for (const type of SIGNALS) globalThis.removeEventListener?.(type, this.#check)
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

/** Binary data as bytes; anything else is text, as WebSocket has it. */
function messageOf (data: Sendable): Message {
  if (data instanceof Blob) return data
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : String(data)
}

const sizeOf = (message: Message): number => new Blob([message]).size
