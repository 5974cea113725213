// Conversations of hixie-75 and hixie-76, written from draft-hixie-thewebsocketprotocol-75 and
// draft-ietf-hybi-thewebsocketprotocol-00. Autobahn has none of them. Every byte that the server sends is compared.
import { readFileSync } from 'node:fs'

export interface HixieCase {
  readonly id: string
  /** The section that defines the result. Those of hixie-76 are sections of hybi-00. */
  readonly draft: string
  readonly description: string
  readonly head: string
  /** The bytes after the head. The first chop is sent together with the head. */
  readonly chops: readonly Buffer[]
  /** All bytes that the server sends, or the status of its refusal. */
  readonly expects: Buffer | { readonly status: number }
  /** Whether the server ends the connection after them. */
  readonly ends?: boolean
}

/** The longest message of the server, in bytes. */
export const LONGEST = 1_024

interface Vectors {
  readonly accept: ReadonlyArray<{
    readonly name: string
    readonly key1?: string
    readonly key2?: string
    readonly key3: string
    readonly digest: string
  }>
  readonly refuse: ReadonlyArray<{ readonly name: string, readonly key1: string, readonly key2: string }>
}

const vectors = JSON.parse(readFileSync(new URL('./hixie76-vectors.json', import.meta.url), 'utf8')) as Vectors

const lines = (...all: string[]): string => [...all, '', ''].join('\r\n')

interface Request {
  readonly path?: string
  readonly origin?: string
  readonly host?: string
  readonly more?: readonly string[]
}

const head75 = ({
  path = '/old', origin = 'http://example.com', host = 'example.com', more = []
}: Request = {}): string =>
  lines(
    `GET ${path} HTTP/1.1`, 'Upgrade: WebSocket', 'Connection: Upgrade', `Host: ${host}`, `Origin: ${origin}`, ...more
  )

const answer75 = ({
  path = '/old', origin = 'http://example.com', host = 'example.com', more = []
}: Request = {}): Buffer => Buffer.from(lines(
  'HTTP/1.1 101 Web Socket Protocol Handshake', 'Upgrade: WebSocket', 'Connection: Upgrade',
  `WebSocket-Origin: ${origin}`, `WebSocket-Location: ws://${host}${path}`, ...more
))

const KEYS = vectors.accept[0] as Vectors['accept'][number] & { key1: string, key2: string }
const KEY3 = Buffer.from(KEYS.key3, 'hex')

const head76 = ({
  path = '/old', origin = 'http://example.com', host = 'example.com', more = []
}: Request = {}, { key1, key2 }: { key1?: string, key2?: string } = KEYS): string => lines(
  `GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: Upgrade',
  ...(key2 === undefined ? [] : [`Sec-WebSocket-Key2: ${key2}`]), 'Upgrade: WebSocket',
  ...(key1 === undefined ? [] : [`Sec-WebSocket-Key1: ${key1}`]), `Origin: ${origin}`, ...more
)

const answer76 = ({
  path = '/old', origin = 'http://example.com', host = 'example.com', more = []
}: Request = {}, digest = KEYS.digest): Buffer => Buffer.concat([Buffer.from(lines(
  'HTTP/1.1 101 WebSocket Protocol Handshake', 'Upgrade: WebSocket', 'Connection: Upgrade',
  `Sec-WebSocket-Origin: ${origin}`, `Sec-WebSocket-Location: ws://${host}${path}`, ...more
)), Buffer.from(digest, 'hex')])

const text = (payload: string | Buffer): Buffer => Buffer.concat([Buffer.of(0), Buffer.from(payload), Buffer.of(0xff)])
const CLOSE = Buffer.of(0xff, 0)
const octets = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.of(byte))
const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex')

const handshakes: HixieCase[] = [
  ...([
    ['H75.1.1', 'the smallest handshake', {}, {}],
    ['H75.1.2', 'an origin of null', { origin: 'null' }, { origin: 'null' }],
    ['H75.1.3', 'an origin that is not a URL', { origin: 'random123' }, { origin: 'random123' }],
    ['H75.1.4', 'a path with a query', { path: '/old?a=b&c' }, { path: '/old?a=b&c' }],
    ['H75.1.5', 'an explicit port', { host: 'example.com:8080' }, { host: 'example.com:8080' }],
    ['H75.1.6', 'the default port, which the location omits', { host: 'example.com:80' }, {}],
    ['H75.1.7', 'a subprotocol', { more: ['WebSocket-Protocol: sample'] }, { more: ['WebSocket-Protocol: sample'] }]
  ] as const).map(([id, description, asked, answered]): HixieCase => ({
    id, draft: '75 §4', description, head: head75(asked), chops: [], expects: answer75(answered)
  })),
  {
    id: 'H75.1.8',
    draft: '75 §4',
    description: 'no origin',
    head: head75().replace(/Origin: .*\r\n/, ''),
    chops: [],
    expects: { status: 400 }
  },
  {
    id: 'H75.1.9',
    draft: '75 §4',
    description: 'no host',
    head: head75().replace(/Host: .*\r\n/, ''),
    chops: [],
    expects: { status: 400 }
  },
  ...([
    ['H76.1.1', 'the smallest handshake', {}, {}],
    ['H76.1.2', 'an origin of null', { origin: 'null' }, { origin: 'null' }],
    ['H76.1.3', 'a path with a query', { path: '/old?a=b&c' }, { path: '/old?a=b&c' }],
    ['H76.1.4', 'an explicit port', { host: 'example.com:8080' }, { host: 'example.com:8080' }],
    [
      'H76.1.5', 'a subprotocol', { more: ['Sec-WebSocket-Protocol: sample'] },
      { more: ['Sec-WebSocket-Protocol: sample'] }
    ],
    ['H76.1.6', 'a Content-Length, which some clients send', { more: ['Content-Length: 8'] }, {}]
  ] as const).map(([id, description, asked, answered]): HixieCase => ({
    id, draft: '76 §5.2', description, head: head76(asked), chops: [KEY3], expects: answer76(answered)
  })),
  {
    id: 'H76.1.7',
    draft: '76 §5.2',
    description: 'the eight bytes octet by octet',
    head: head76(),
    chops: [Buffer.alloc(0), ...octets(KEY3)],
    expects: answer76()
  },
  {
    id: 'H76.1.8',
    draft: '76 §5.2',
    description: 'the eight bytes and a text with the head',
    head: head76(),
    chops: [Buffer.concat([KEY3, text('early')])],
    expects: Buffer.concat([answer76(), text('early')])
  },
  {
    id: 'H76.1.9',
    draft: '76 §5.1',
    description: 'no second key',
    head: head76({}, { key1: KEYS.key1 }),
    chops: [KEY3],
    expects: { status: 400 }
  },
  {
    id: 'H76.1.10',
    draft: '76 §5.1',
    description: 'no origin',
    head: head76().replace(/Origin: .*\r\n/, ''),
    chops: [KEY3],
    expects: { status: 400 }
  },
  ...vectors.accept.flatMap(({ name, key1, key2, key3, digest }, i): HixieCase[] => key1 === undefined ||
    key2 === undefined
    ? []
    : [
        {
          id: `H76.2.${i + 1}`,
          draft: '76 §5.2',
          description: name,
          head: head76({}, { key1, key2 }),
          chops: [Buffer.from(key3, 'hex')],
          expects: answer76({}, digest)
        }
      ]),
  ...vectors.refuse.map(({ name, ...keys }, i): HixieCase => ({
    id: `H76.3.${i + 1}`,
    draft: '76 §5.2',
    description: name,
    head: head76({}, keys),
    chops: [KEY3],
    expects: { status: 400 }
  }))
]

/** Frames of both drafts, and the echoes. `ends` if the server ends the connection. */
type FrameCase = readonly [description: string, chops: readonly Buffer[], echoes: readonly Buffer[], ends?: boolean]

const FRAMES: readonly FrameCase[] = [
  ['a text', [text('hello')], [text('hello')]],
  ['an empty text', [text('')], [text('')]],
  ['a text octet by octet', octets(text('hello µ €')), [text('hello µ €')]],
  ['three texts in one chop', [Buffer.concat([
    text('one'), text('two'), text('three')
  ])], [text('one'), text('two'), text('three')]],
  ['a text cut in the middle of a character', [text('€').subarray(0, 2), text('€').subarray(2)], [text('€')]],
  ['octets that are not UTF-8, which become U+FFFD', [text(hex('61 80 62'))], [text('a\ufffdb')]],
  [
    'a frame with a type below 0x80, discarded up to 0xFF', [Buffer.concat([hex('01 6162 ff'), text('next')])],
    [text('next')]
  ],
  [
    'a frame of type 0x7F, discarded in pieces', [hex('7f 61'), hex('62'), Buffer.concat([hex('ff'), text('next')])],
    [text('next')]
  ],
  ['a frame of type 0x80 with a length, skipped', [Buffer.concat([hex('80 03 616263'), text('next')])], [text('next')]],
  ['a length in two groups of seven bits', [Buffer.concat([
    hex('80 8101'), Buffer.alloc(129, 'x'), text('next')
  ])], [text('next')]],
  ['a length padded with groups of zero', [Buffer.concat([hex('80 80808002 6162'), text('next')])], [text('next')]],
  ['a frame with a length that holds 0xFF and 0x00', [Buffer.concat([
    hex('80 04 ff00ff00'), text('next')
  ])], [text('next')]],
  ['a frame with a length octet by octet', octets(Buffer.concat([hex('ab 02 6162'), text('next')])), [text('next')]],
  ['a length of 0 and a type other than 0xFF', [Buffer.concat([hex('80 00'), text('next')])], [text('next')]],
  ['the longest text', [text('x'.repeat(LONGEST))], [text('x'.repeat(LONGEST))]],
  ['a text that is too long', [text('x'.repeat(LONGEST + 1))], [], true],
  ['a text that is too long and never ends', [Buffer.concat([Buffer.of(0), Buffer.alloc(LONGEST + 1, 'x')])], [], true],
  ['a length that is too large', [hex('80 ff7f')], [], true],
  ['a length that never ends', [Buffer.concat([Buffer.of(0x80), Buffer.alloc(10, 0x80)])], [], true]
]

const frames: HixieCase[] = FRAMES.flatMap(([description, chops, echoes, ends = false], i): HixieCase[] => [
  {
    id: `H75.4.${i + 1}`,
    draft: '75 §4',
    description,
    head: head75(),
    chops: [Buffer.alloc(0), ...chops],
    expects: Buffer.concat([answer75(), ...echoes]),
    ends
  },
  {
    id: `H76.4.${i + 1}`,
    draft: '76 §5.3',
    description,
    head: head76(),
    chops: [KEY3, ...chops],
    // The server answers a protocol error with a close frame, which hixie-75 does not have.
    expects: Buffer.concat([answer76(), ...echoes, ...(ends ? [CLOSE] : [])]),
    ends
  }
])

const closes: HixieCase[] = [
  {
    id: 'H76.5.1',
    draft: '76 §6',
    description: 'a close is answered, and the connection ends',
    head: head76(),
    chops: [KEY3, CLOSE],
    expects: Buffer.concat([answer76(), CLOSE]),
    ends: true
  },
  {
    id: 'H76.5.2',
    draft: '76 §6',
    description: 'a close octet by octet',
    head: head76(),
    chops: [KEY3, ...octets(CLOSE)],
    expects: Buffer.concat([answer76(), CLOSE]),
    ends: true
  },
  {
    id: 'H76.5.3',
    draft: '76 §6',
    description: 'a text after a close is ignored',
    head: head76(),
    chops: [KEY3, Buffer.concat([CLOSE, text('late')])],
    expects: Buffer.concat([answer76(), CLOSE]),
    ends: true
  },
  {
    id: 'H76.5.4',
    draft: '76 §6',
    description: 'a text before a close is answered first',
    head: head76(),
    chops: [KEY3, Buffer.concat([text('last'), CLOSE])],
    expects: Buffer.concat([answer76(), text('last'), CLOSE]),
    ends: true
  },
  {
    id: 'H76.5.5',
    draft: '76 §6',
    description: 'the server closes, and the client answers',
    head: head76(),
    chops: [KEY3, Buffer.concat([text('close me'), CLOSE])],
    expects: Buffer.concat([answer76(), CLOSE]),
    ends: true
  },
  {
    id: 'H75.5.1',
    draft: '75 §4',
    description: 'the server closes by ending the connection',
    head: head75(),
    chops: [Buffer.alloc(0), text('close me')],
    expects: answer75(),
    ends: true
  },
  {
    id: 'H75.5.2',
    draft: '75 §4',
    description: 'a frame of type 0xFF with length 0 is skipped',
    head: head75(),
    chops: [Buffer.alloc(0), Buffer.concat([CLOSE, text('next')])],
    expects: Buffer.concat([answer75(), text('next')])
  }
]

export const HIXIE: readonly HixieCase[] = [...handshakes, ...frames, ...closes]

/**
 * Returns the same conversation over TLS: the location has another scheme, and the default port is another.
 */
export function overTls (one: HixieCase): HixieCase {
  const { expects } = one
  const head = one.head.replace('Host: example.com:80\r\n', 'Host: example.com:443\r\n')
  return {
    ...one,
    head,
    expects: 'status' in expects
      ? expects
      : Buffer.from(
        expects.toString('latin1').replace('Location: ws://', 'Location: wss://'), 'latin1'
      )
  }
}
