import type { Message } from '../codec/message.js'
import { messageOutChannel, pingChannel } from '../diagnostics.js'
import { NotOpen, TooMuchWaits } from '../errors.js'
import type { Outbound } from '../schema.js'
import type { WriteCallback } from '../transport/transport.js'
import type { Conversation } from './conversation.js'

/**
 * What became of a message when `send()` returns:
 *
 * - 'sent': it has left, or leaves when this tick ends; nothing is in its way.
 * - 'queued': it waits for the peer, which is slower than we are. Where no message is refused 'drain' follows, or 'close'.
 * - 'refused': it is not sent, because the socket is not open or too much waits already.
 */
export type SendResult = 'sent' | 'queued' | 'refused'

/** Hands a message that may be sent to the protocol. */
export function sendPayload (conversation: Conversation, payload: string | Buffer, isBinary: boolean, isLast: boolean, isCompressible: boolean, callback: WriteCallback | undefined): SendResult {
  let length: number
  try {
    length = conversation.protocol.send(payload, isBinary, isLast, isCompressible)
  } catch (error) {
    return refuseInvalid(conversation, error, callback)
  }
  conversation.messagesSent++
  conversation.bytesSent += length
  if (messageOutChannel.hasSubscribers) conversation.publish(messageOutChannel, { data: payload, isBinary })
  if (callback !== undefined) whenWritten(conversation, callback)
  return conversation.transport.isStalled ? 'queued' : 'sent'
}

/** The same, for one that others are sent too. */
export function sendShared (conversation: Conversation, message: Message, callback: WriteCallback | undefined): SendResult {
  try {
    conversation.protocol.sendMessage(message)
  } catch (error) {
    return refuseInvalid(conversation, error, callback)
  }
  conversation.messagesSent++
  conversation.bytesSent += message.payload.length
  if (messageOutChannel.hasSubscribers) conversation.publish(messageOutChannel, { data: message.payload, isBinary: message.isBinary })
  if (callback !== undefined) whenWritten(conversation, callback)
  return conversation.transport.isStalled ? 'queued' : 'sent'
}

/** Sends a value by the schema of the route. */
export function sendValue (conversation: Conversation, outbound: Outbound, value: unknown, isCompressible: boolean, callback: WriteCallback | undefined, kind: string | undefined): SendResult {
  if (!conversation.isOpen) return refuseClosed(conversation, callback)
  let text: string
  try {
    text = outbound.write(value)
  } catch (error) {
    return refuseInvalid(conversation, error, callback)
  }
  return conversation.send(text, false, true, isCompressible, callback, kind)
}

export function sendControl (conversation: Conversation, verb: 'ping' | 'pong', payload: Buffer, callback: WriteCallback | undefined): void {
  if (!conversation.isOpen) {
    refuseClosed(conversation, callback)
  } else if (conversation.queuedAmount > conversation.limit && conversation.backpressure.isOver) {
    refuse(conversation, new TooMuchWaits(conversation.limit), callback)
  } else {
    try {
      conversation.protocol[verb](payload)
    } catch (error) {
      refuseInvalid(conversation, error, callback)
      return
    }
    if (pingChannel.hasSubscribers) conversation.publish(pingChannel, { kind: verb, direction: 'out', data: payload })
    if (callback !== undefined) conversation.transport.whenWritten(contain(conversation, callback))
  }
}

/** A callback whose errors go to the error handler of the route. */
function contain (conversation: Conversation, callback: WriteCallback): WriteCallback {
  return (error) => {
    try {
      callback(error)
    } catch (thrown) {
      conversation.fail(thrown)
    }
  }
}

/** Calls back when all that was sent so far has left, or with the error that kept it here. */
export function whenWritten (conversation: Conversation, callback: WriteCallback): void {
  const contained = contain(conversation, callback)
  const { protocol, transport } = conversation
  protocol.whenOutput(() => {
    // A message that was being compressed is not sent any more.
    if (protocol.state === 'closed') process.nextTick(contained, new NotOpen(conversation.readyState))
    else transport.whenWritten(contained)
  })
}

/** Tells that a message is not sent, to whoever wants to know. */
export function refuse (conversation: Conversation, error: Error, callback: WriteCallback | undefined): 'refused' {
  if (callback !== undefined) process.nextTick(contain(conversation, callback), error)
  return 'refused'
}

/** The same, after the close. */
export function refuseClosed (conversation: Conversation, callback: WriteCallback | undefined): 'refused' {
  return callback === undefined ? 'refused' : refuse(conversation, new NotOpen(conversation.readyState), callback)
}

/**
 * The same, for what cannot be sent at all.
 * @throws the error, where there is no callback to tell
 */
function refuseInvalid (conversation: Conversation, error: unknown, callback: WriteCallback | undefined): 'refused' {
  if (callback === undefined) throw error
  return refuse(conversation, error as Error, callback)
}
