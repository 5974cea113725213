import type { PreparedMessage } from '../codec/prepared-message.js'
import { messageOutChannel, pingChannel, type Details, type ReportChannel, type SocketReport } from '../diagnostics.js'
import { NotOpen, BackpressureExceeded } from '../errors.js'
import type { Outbound } from '../routes/schema.js'
import type { Protocol } from '../protocol/protocol.js'
import { nextTick } from '../timers.js'
import { inCallersContext } from '../transport/async-context.js'
import type { Transport, WriteCallback } from '../transport/transport.js'
import { isThenable } from './thenable.js'

/**
 * What became of a message when `send()` returns:
 *
 * - 'sent': it has left, or leaves when this tick ends; nothing is in its way.
 * - 'queued': it waits for the peer, which is slower than we are. Where no message is refused 'drain' follows, or 'close'.
 * - 'refused': it is not sent, because the socket is not open or too much waits already.
 */
export type SendResult = 'sent' | 'queued' | 'refused'

/** Whose messages are sent. */
export interface Sender {
  readonly transport: Transport
  readonly protocol: Protocol
  readonly isOpen: boolean
  readonly readyState: number
  /** Whether more waits for the peer than may. */
  readonly isOverfull: boolean
  /** From how many bytes on a message meets the backpressure. */
  readonly limit: number
  messagesSent: number
  bytesSent: number
  send (payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean, callback: WriteCallback | undefined, kind: string | undefined): SendResult
  publish<Report extends SocketReport> (channel: ReportChannel<Report>, details: Details<Report>): void
  fail (error: unknown): void
}

/** Hands a message that may be sent to the protocol. */
export function sendPayload (sender: Sender, payload: string | Buffer, isBinary: boolean, fin: boolean, isCompressible: boolean, callback: WriteCallback | undefined): SendResult {
  let length: number
  try {
    length = sender.protocol.send(payload, isBinary, fin, isCompressible)
  } catch (error) {
    return refuseInvalid(sender, error, callback)
  }
  sender.messagesSent++
  sender.bytesSent += length
  if (messageOutChannel.hasSubscribers) sender.publish(messageOutChannel, { data: payload, isBinary })
  if (callback !== undefined) whenWritten(sender, callback)
  return sender.transport.isStalled ? 'queued' : 'sent'
}

/** The same, for one that others are sent too. */
export function sendShared (sender: Sender, message: PreparedMessage, callback: WriteCallback | undefined): SendResult {
  try {
    sender.protocol.sendMessage(message)
  } catch (error) {
    return refuseInvalid(sender, error, callback)
  }
  sender.messagesSent++
  sender.bytesSent += message.payload.length
  if (messageOutChannel.hasSubscribers) sender.publish(messageOutChannel, { data: message.payload, isBinary: message.isBinary })
  if (callback !== undefined) whenWritten(sender, callback)
  return sender.transport.isStalled ? 'queued' : 'sent'
}

/** Sends a value by the schema of the route. */
export function sendValue (sender: Sender, outbound: Outbound, value: unknown, isCompressible: boolean, callback: WriteCallback | undefined, kind: string | undefined): SendResult {
  if (!sender.isOpen) return refuseClosed(sender, callback)
  let text: string
  try {
    text = outbound.write(value)
  } catch (error) {
    return refuseInvalid(sender, error, callback)
  }
  return sender.send(text, false, true, isCompressible, callback, kind)
}

export function sendControl (sender: Sender, verb: 'ping' | 'pong', payload: Buffer, callback: WriteCallback | undefined): void {
  if (!sender.isOpen) {
    refuseClosed(sender, callback)
  } else if (sender.isOverfull) {
    refuse(sender, new BackpressureExceeded(sender.limit), callback)
  } else {
    try {
      sender.protocol[verb](payload)
    } catch (error) {
      refuseInvalid(sender, error, callback)
      return
    }
    if (pingChannel.hasSubscribers) sender.publish(pingChannel, { kind: verb, direction: 'out', data: payload })
    if (callback !== undefined) sender.transport.whenWritten(contain(sender, callback))
  }
}

/** A callback whose errors go to the error handler of the route. */
function contain (sender: Sender, callback: WriteCallback): WriteCallback {
  return (error) => {
    try {
      const result: unknown = callback(error)
      if (isThenable(result)) result.then(undefined, (reason: unknown) => { sender.fail(reason) })
    } catch (thrown) {
      sender.fail(thrown)
    }
  }
}

/** Calls back when all that was sent so far has left, or with the error that kept it here. */
export function whenWritten (sender: Sender, callback: WriteCallback): void {
  const { protocol, transport } = sender
  const contained = protocol.compressing > 0 ? inCallersContext(contain(sender, callback)) : contain(sender, callback)
  protocol.whenOutput(() => {
    // A message that was being compressed is not sent any more.
    if (protocol.state === 'closed') nextTick(contained, new NotOpen(sender.readyState))
    else transport.whenWritten(contained)
  })
}

/** Tells that a message is not sent, to whoever wants to know. */
export function refuse (sender: Sender, error: Error, callback: WriteCallback | undefined): 'refused' {
  if (callback !== undefined) nextTick(contain(sender, callback), error)
  return 'refused'
}

/** The same, after the close. */
export function refuseClosed (sender: Sender, callback: WriteCallback | undefined): 'refused' {
  return callback === undefined ? 'refused' : refuse(sender, new NotOpen(sender.readyState), callback)
}

/**
 * The same, for what cannot be sent at all.
 * @throws the error, where there is no callback to tell
 */
export function refuseInvalid (sender: Sender, error: unknown, callback: WriteCallback | undefined): 'refused' {
  if (callback === undefined) throw error
  return refuse(sender, error as Error, callback)
}
