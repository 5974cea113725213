import { createError } from '@fastify/error'
import { fault, refusal, refusedMessage } from './error-kinds.js'

export type { Fault, RefusedMessage } from './error-kinds.js'

/*
 * All errors of the plugin. There are three kinds:
 *
 * - a *refusal* answers an upgrade with an HTTP status;
 * - a *fault* is a protocol violation by the peer, with the close code to send;
 * - a *misuse* is an error of the application: the sentence says what to do instead.
 *
 * `ErrorCode` includes every error exported here.
 */

// Refusals. The number is the HTTP status of the answer.

export const MethodNotAllowed = refusal(
  'FST_WIRE_METHOD', 'A WebSocket handshake must be a GET request, not %s (RFC 6455 §4.1)', 405, { allow: 'GET' })

export const UpgradeRequired = refusal(
  'FST_WIRE_UPGRADE_REQUIRED',
  'This URL is a WebSocket endpoint: connect with a WebSocket client, or send the upgrade headers',
  426)

export const HttpVersionTooOld = refusal(
  'FST_WIRE_HTTP_VERSION',
  'A WebSocket handshake requires HTTP/1.1 or later, not HTTP/%s (RFC 6455 §4.1)',
  400)

export const BadConnectionHeader = refusal(
  'FST_WIRE_CONNECTION_HEADER',
  'The Connection header of a WebSocket handshake must contain the token "Upgrade" (RFC 6455 §4.2.1)',
  400)

export const BadUpgradeHeader = refusal(
  'FST_WIRE_UPGRADE_HEADER',
  'The Upgrade header of a WebSocket handshake must contain the token "websocket" (RFC 6455 §4.2.1)',
  400)

export const MissingHost = refusal(
  'FST_WIRE_HOST', 'A WebSocket handshake must have exactly one valid Host header (RFC 6455 §4.2.1)', 400)

export const MissingKey = refusal(
  'FST_WIRE_KEY_MISSING', 'The handshake has no Sec-WebSocket-Key header (RFC 6455 §4.2.1)', 400)

export const BadKey = refusal(
  'FST_WIRE_KEY', 'Sec-WebSocket-Key must be %s', 400)

export const MissingVersion = refusal(
  'FST_WIRE_VERSION_MISSING', 'The handshake has no Sec-WebSocket-Version header; this URL supports %s', 400)

export const UnsupportedVersion = refusal(
  'FST_WIRE_VERSION', 'This URL does not support the WebSocket version "%s"; it supports %s', 426)

export const BadHixieKey = refusal(
  'FST_WIRE_HIXIE_KEY', '%s is not a valid key: %s (draft-ietf-hybi-thewebsocketprotocol-00 §5.2)', 400)

export const MissingOrigin = refusal(
  'FST_WIRE_ORIGIN_MISSING', 'A handshake of this draft must have an Origin header ("null" for file pages)', 400)

export const BadProtocolHeader = refusal(
  'FST_WIRE_PROTOCOL_HEADER', '%s must be a list of distinct tokens, one for each subprotocol (RFC 6455 §4.1)', 400)

export const BadExtensionsHeader = refusal(
  'FST_WIRE_EXTENSIONS_HEADER', 'Sec-WebSocket-Extensions is malformed, %s at character %s (RFC 6455 §9.1)', 400)

export const HandshakeTimeout = refusal(
  'FST_WIRE_HANDSHAKE_TIMEOUT', 'The handshake was not completed within %s ms', 408)

export const HandshakeUnanswered = refusal(
  'FST_WIRE_HANDSHAKE_UNANSWERED', 'The hooks of this URL did not answer the handshake within %s ms', 503)

export const UpgradeFailure = createError(
  'FST_WIRE_UPGRADE', 'The server failed to handle the upgrade: its log has the reason', 500)

export const NoSocket = refusal(
  'FST_WIRE_NO_SOCKET', 'There is no WebSocket at "%s": this URL accepts plain HTTP requests only', 404)

export const OriginRefused = refusal(
  'FST_WIRE_ORIGIN', 'The origin "%s" is not allowed to connect', 403)

export const TooManyConnections = refusal(
  'FST_WIRE_CONNECTIONS', 'Connection limit reached: retry later', 503)

export const TooManyFromAddress = refusal(
  'FST_WIRE_CONNECTIONS_ADDRESS',
  'Connection limit of your address reached: close a connection, or retry later',
  429)

export const ServerClosing = refusal(
  'FST_WIRE_CLOSING', 'The server is closing: retry later', 503)

export const ClientRefused = refusal(
  'FST_WIRE_CLIENT_REFUSED', '%s', 401)

// Misuse by the application.

export const BadOption = createError(
  'FST_WIRE_OPTION', 'The option "%s" must be %s, not %s', 500, TypeError)

export const UnknownOption = createError(
  'FST_WIRE_UNKNOWN_OPTION', 'Unknown option "%s": the options are %s', 500, TypeError)

export const MisspeltOption = createError(
  'FST_WIRE_MISSPELT_OPTION', 'Unknown option "%s": did you mean "%s"?', 500, TypeError)

export const RouteOption = createError(
  'FST_WIRE_ROUTE_OPTION', 'A WebSocket route does not accept the option "%s": %s', 500, TypeError)

export const RouteArguments = createError(
  'FST_WIRE_ROUTE_ARGUMENTS',
  'The options of app.ws(%s) must be an object, passed before the handler: app.ws(url, options, handler)',
  500, TypeError)

export const UrlInvalid = createError(
  'FST_WIRE_URL', 'app.ws(%s) needs a path that starts with "/": app.ws(\'/demo\', handler)', 500, TypeError)

export const AlreadyRegistered = createError(
  'FST_WIRE_REGISTERED',
  'fastify-wire is already registered in this context or an enclosing one: register it once, or in separate contexts',
  500)

export const DecoratorTaken = createError(
  'FST_WIRE_DECORATOR',
  '%s is already used by the application or another plugin: choose another name, as in ' +
  "app.register(fastifyWire, { decorator: 'socket' }), and declare routes with app.socket()",
  500)

export const BesideAnother = createError(
  'FST_WIRE_BESIDE',
  '@fastify/websocket, or another plugin that decorates app.websocketServer, app.injectWS or request.ws, is ' +
  'registered too, and both would answer the same upgrades: remove it; its routes work with fastify-wire',
  500)

export const HandlerMissing = createError(
  'FST_WIRE_HANDLER',
  'app.ws(%s) needs a handler function: app.ws(url, handler) or app.ws(url, options, handler)',
  500, TypeError)

export const HandlerObject = createError(
  'FST_WIRE_HANDLER_OBJECT',
  'The handler of app.ws(%s) must be one function, not an object of listeners: app.ws(url, (socket) => { ' +
  "socket.on('message', (data) => {}) })",
  500, TypeError)

export const NoTopics = createError(
  'FST_WIRE_NO_TOPICS', 'This socket has no topics, because it was not opened by a route of fastify-wire', 500)

export const TopicInvalid = createError(
  'FST_WIRE_TOPIC', 'A topic name must be %s', 400, TypeError)

export const TooManyTopics = createError(
  'FST_WIRE_TOPICS', 'A socket can follow at most %s topics (the option maxTopics)', 500)

export const TopicNamesInvalid = createError(
  'FST_WIRE_TOPIC_NAMES',
  'The option topic must return a name, or a list of names (an empty one for no topic), not %s',
  500, TypeError)

export const MemberInvalid = createError(
  'FST_WIRE_MEMBER',
  'The option presence must return undefined, or an object that JSON can represent, whose id is a number or a ' +
  'non-empty string of well-formed Unicode',
  500, TypeError)

export const TopicDataInvalid = createError(
  'FST_WIRE_TOPIC_DATA',
  'This value of type %s cannot be published: use a string, bytes, or a value that JSON can represent',
  500, TypeError)

export const TopicArgumentInvalid = createError(
  'FST_WIRE_TOPIC_ARGUMENT', 'The argument %s must be %s, not %s', 500, TypeError)

// The sentences of @fastify/websocket, because applications and their tests match them.

export const ErrorHandlerInvalid = createError(
  'FST_WIRE_ERROR_HANDLER', 'invalid errorHandler function', 500, TypeError)

export const PreCloseInvalid = createError(
  'FST_WIRE_PRE_CLOSE', 'invalid preClose function', 500, TypeError)

export const SocketHandlerInvalid = createError(
  'FST_WIRE_WS_HANDLER', 'invalid wsHandler function', 500, TypeError)

export const SocketMethod = createError(
  'FST_WIRE_SOCKET_METHOD', 'websocket handler can only be declared in GET method', 500, TypeError)

export const UnexpectedAnswer = createError(
  'FST_WIRE_UNEXPECTED_ANSWER', 'Unexpected server response: %s', 500)

export const NoServer = createError(
  'FST_WIRE_NO_SERVER',
  "fastify-websocket doesn't support the ws noServer option. If you want to create a websocket server " +
  'detatched from fastify, use the ws library directly.',
  500, TypeError)

export const ServerNotRunning = createError(
  'FST_WIRE_NOT_RUNNING', 'websocketServer.close() was called on a server that is already closed', 500)

export const NotInjectable = createError(
  'FST_WIRE_INJECT',
  'injectWS() needs an HTTP/1.1 server; with { http2: true } it needs an HTTP/2 server and version 13',
  500, TypeError)

export const ProtocolNotOffered = createError(
  'FST_WIRE_PROTOCOL_NOT_OFFERED',
  'The function that chooses the subprotocol returned "%s", which the client did not offer (%s): return one of ' +
  'them, or false',
  500)

export const NotOpen = createError(
  'FST_WIRE_NOT_OPEN', 'The socket is not open (readyState %s): nothing can be sent', 500)

export const NotSupported = createError(
  'FST_WIRE_NOT_SUPPORTED', 'The protocol version %s cannot carry %s: check socket.version first', 500)

export const BadDate = createError(
  'FST_WIRE_DATE',
  'closeAt() takes a Date or milliseconds since 1970, not %s: the exp of a JWT is in seconds, so use ' +
  'closeAt(exp * 1000)',
  500, TypeError)

export const BadCloseCode = createError(
  'FST_WIRE_CLOSE_CODE',
  'The close code %s cannot be sent: use 1000-1003, 1007-1014 or 3000-4999 (RFC 6455 §7.4)',
  500, RangeError)

export const CloseReasonTooLong = createError(
  'FST_WIRE_CLOSE_REASON',
  'A close reason must be at most 123 bytes of UTF-8, not %s (RFC 6455 §5.5)',
  500, RangeError)

export const ControlTooLong = createError(
  'FST_WIRE_CONTROL_LENGTH',
  'The payload of a ping or pong must be at most 125 bytes, not %s (RFC 6455 §5.5)',
  500, RangeError)

export const InvalidText = createError(
  'FST_WIRE_TEXT', 'Only valid UTF-8 can be sent as text (RFC 6455 §5.6): send it as binary', 500, TypeError)

export const NotSendable = createError(
  'FST_WIRE_DATA',
  'A message must be a string, a number or bytes (Buffer, typed array, ArrayBuffer, or a list of them), not %s',
  500, TypeError)

export const BadListener = createError(
  'FST_WIRE_LISTENER', 'A listener of "%s" must be a function, or an object with handleEvent(), not %s', 500, TypeError)

export const CompressionBusy = createError(
  'FST_WIRE_COMPRESSION_BUSY',
  'This compression context is busy, or cannot run synchronously: use its asynchronous function, for one message ' +
  'at a time',
  500)

export const ValueNotSent = createError(
  'FST_WIRE_SEND_SCHEMA',
  'The value passed to send() does not match schema.send of its route: %s. Pass a matching value, or set ' +
  '{ binary } to send data unchanged',
  500, TypeError)

export const SchemaNotCompiled = createError(
  'FST_WIRE_SCHEMA', '%s cannot be compiled: %s', 500, TypeError)

export const SerializerNotReady = createError(
  'FST_WIRE_NOT_READY',
  'A value was published before schema.send of %s was compiled: publish after app.ready(), or serialize the value ' +
  'and set { binary: false }',
  500)

export const CompilerNotFound = createError(
  'FST_WIRE_COMPILER',
  'The schema compiler of this version of Fastify was not found: give the route a validatorCompiler',
  500)

export const AsyncSchema = createError(
  'FST_WIRE_ASYNC_SCHEMA',
  'schema.message of %s is validated asynchronously, which would reorder messages: use a schema without ' +
  '$async, and await in the listener',
  500, TypeError)

export const NullInStream = createError(
  'FST_WIRE_STREAM_NULL',
  'A message is null, which would end the stream: read this socket with for await, or forbid null in ' +
  'schema.message',
  500, TypeError)

export const BackpressureExceeded = createError(
  'FST_WIRE_BACKPRESSURE',
  'The message was not sent: more than %s bytes (backpressure.limit) are queued for the peer. Send less, or wait ' +
  'for "drain" or sent()',
  500)

export const MessageReplaced = createError(
  'FST_WIRE_REPLACED',
  'The message was not sent: a newer one of the kind %s replaced it while the peer was slow',
  500)

export const ConnectionClosed = createError(
  'FST_WIRE_CONNECTION_CLOSED', 'The connection closed before the data was sent', 500)

export const UncleanClose = createError(
  'FST_WIRE_UNCLEAN_CLOSE', 'The socket closed uncleanly with code %s: messages may be missing', 500)

// Errors of the engines, which carry messages between processes.

export const EngineUsed = createError(
  'FST_WIRE_ENGINE_USED',
  'This %s engine serves, or has served, another registration of fastify-wire: create an engine for each, as in ' +
  'app.register(fastifyWire, { engine: redisEngine() })',
  500)

export const EnginePackageMissing = createError(
  'FST_WIRE_ENGINE_PACKAGE', '%s needs the package %s, which could not be loaded: npm install %s', 500)

export const EngineUnsuitable = createError(
  'FST_WIRE_ENGINE_UNSUITABLE', 'The %s engine cannot work with this server: %s', 500)

export const EngineDown = createError(
  'FST_WIRE_ENGINE_DOWN', 'The %s engine has no connection to its server: try again when its state is "ready"', 503)

export const EngineClosed = createError(
  'FST_WIRE_ENGINE_CLOSED',
  'The %s engine is not open: call open() first, and nothing after close()',
  500)

export const EngineRefused = createError(
  'FST_WIRE_ENGINE_REFUSED', 'The server of the %s engine refused the message: %s', 500)

export const EngineBusy = createError(
  'FST_WIRE_ENGINE_BUSY',
  'The %s engine has %s messages waiting to be accepted (maxWaiting, maxWaitingBytes): publish more slowly, or ' +
  'retry later',
  503)

export const PublishTimeout = createError(
  'FST_WIRE_PUBLISH_TIMEOUT',
  'The %s engine did not accept the message within %s ms (publishTimeout): publish it again with the same id, ' +
  'so that it is delivered at most once',
  503)

// Faults of the peer.

export const ReservedBits = fault(
  'FST_WIRE_RSV', 'A frame has a reserved bit set that no negotiated extension uses (RFC 6455 §5.2)', 1002)
export const ReservedOpcode = fault('FST_WIRE_OPCODE', 'A frame has the reserved opcode %s (RFC 6455 §5.2)', 1002)
export const UnmaskedFrame = fault('FST_WIRE_MASK', 'A client frame is not masked (RFC 6455 §5.1)', 1002)
export const NonMinimalLength = fault(
  'FST_WIRE_LENGTH_FORM', 'A payload length is not in its shortest form (RFC 6455 §5.2)', 1002)
export const LengthTooLarge = fault(
  'FST_WIRE_LENGTH', 'A payload length has its most significant bit set (RFC 6455 §5.2)', 1002)
export const FragmentedControl = fault(
  'FST_WIRE_CONTROL_FRAGMENT', 'A control frame is fragmented (RFC 6455 §5.5)', 1002)
export const OversizedControl = fault(
  'FST_WIRE_CONTROL_SIZE', 'A control frame has a payload over 125 bytes (RFC 6455 §5.5)', 1002)
export const UnexpectedContinuation = fault(
  'FST_WIRE_CONTINUATION', 'A continuation frame arrived without a message to continue (RFC 6455 §5.4)', 1002)
export const MissingContinuation = fault(
  'FST_WIRE_INTERLEAVED', 'A new message began before the last one ended (RFC 6455 §5.4)', 1002)
export const BadClosePayload = fault(
  'FST_WIRE_CLOSE_PAYLOAD', 'A close frame has a payload of one byte (RFC 6455 §5.5.1)', 1002)
export const ForbiddenCloseCode = fault(
  'FST_WIRE_CLOSE_CODE_RECEIVED', 'A close frame has the code %s, which must not be sent (RFC 6455 §7.4)', 1002)
export const InvalidUtf8 = fault('FST_WIRE_UTF8', 'Text is not valid UTF-8 (RFC 6455 §8.1)', 1007)
export const CorruptCompression = fault(
  'FST_WIRE_INFLATE', 'A compressed message is not valid DEFLATE data (RFC 7692 §7.2.2)', 1007)
export const MessageTooBig = fault('FST_WIRE_MESSAGE_SIZE', 'A message is larger than %s, %s bytes', 1009)
export const TooManyFragments = fault(
  'FST_WIRE_FRAGMENTS', 'A message has more fragments than maxFragments, %s', 1008)
export const BadHixieLength = fault(
  'FST_WIRE_HIXIE_LENGTH', 'The length of a hixie frame has too many bytes', 1002)

// Messages that do not match the schema of their route.

export const MessageNotJson = refusedMessage(
  'FST_WIRE_MESSAGE_JSON', 'A message is not acceptable JSON: %s', 1007)
export const MessageInvalid = refusedMessage('FST_WIRE_MESSAGE_SCHEMA', '%s', 1008)
export const MessageBinary = refusedMessage(
  'FST_WIRE_MESSAGE_BINARY', 'This socket accepts JSON text, not binary messages', 1003)
