// Section 6 of the catalogue: valid and invalid UTF-8 (RFC 6455 §8.1, RFC 3629). The sequences of 6.5 and the
// following sections are those of Markus Kuhn's test for decoders of UTF-8, with the limit of RFC 3629 at U+10FFFF.
import { continuation, exchange, NOTHING, text, textFrame, type Case } from './case.js'

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex')
const FAILS = { fails: 1007 } as const

const VALID = Buffer.from('Hello-µ@ßöäüàá-UTF-8!!')
const KOSME = hex('ceba e1bdb9 cf83 cebc ceb5')
/** Greek, a surrogate, and ASCII. */
const INVALID = Buffer.concat([KOSME, hex('eda080'), Buffer.from('edited')])

/** Splits a text into frames of one octet. */
const inOctets = (payload: Buffer): Buffer[] =>
  Array.from(payload, (_, i) => i === 0
    ? textFrame(payload.subarray(0, 1), payload.length === 1)
    : continuation(payload.subarray(i, i + 1), i === payload.length - 1))

const valid = (id: string, description: string, frames: readonly Buffer[], payload: Buffer): Case => ({
  id, rfc: '§8.1', description, script: exchange(frames, [text(payload)]), ending: 'closes'
})
const invalid = (id: string, description: string, frames: readonly Buffer[]): Case => ({
  id, rfc: '§8.1', description, script: exchange(frames), ending: FAILS
})

const messages: Case[] = [
  valid('6.1.1', 'an empty text', [textFrame(NOTHING)], NOTHING),
  valid('6.1.2', 'three empty fragments', [
    textFrame(NOTHING, false), continuation(NOTHING, false), continuation(NOTHING)
  ], NOTHING),
  valid('6.1.3', 'three fragments, the first and the last of them empty', [
    textFrame(NOTHING, false), continuation('middle', false), continuation(NOTHING)
  ], Buffer.from('middle')),
  valid('6.2.1', 'text of two-byte characters', [textFrame(VALID)], VALID),
  valid('6.2.2', 'the same in two fragments, cut between two characters', [
    textFrame(VALID.subarray(0, 12), false), continuation(VALID.subarray(12))
  ], VALID),
  valid('6.2.3', 'the same in fragments of an octet', inOctets(VALID), VALID),
  valid('6.2.4', 'Greek in fragments of an octet', inOctets(KOSME), KOSME),
  invalid('6.3.1', 'a surrogate within a text', [textFrame(INVALID)]),
  invalid('6.3.2', 'the same in fragments of an octet', inOctets(INVALID))
]

// 6.4: the connection fails at the octet after which the text cannot become valid. The cases do not send the octets
// that the catalogue sends after it, so a server that waits for them does not pass.
const BEYOND = hex('f4908080')
const whole = textFrame(Buffer.concat([KOSME, BEYOND, Buffer.from('edited')]))
const HEAD = 6

const failsFast: Case[] = [
  invalid('6.4.1', 'an invalid fragment of an incomplete message', [
    textFrame(KOSME, false), continuation(BEYOND, false)
  ]),
  invalid('6.4.2', 'a fragment that ends within a character, and an octet that cannot follow', [
    textFrame(Buffer.concat([KOSME, BEYOND.subarray(0, 1)]), false), continuation(BEYOND.subarray(1, 2), false)
  ]),
  invalid('6.4.3', 'the same as 6.4.1 within an incomplete frame', [
    whole.subarray(0, HEAD + KOSME.length), whole.subarray(HEAD + KOSME.length, HEAD + KOSME.length + 4)
  ]),
  invalid('6.4.4', 'the same as 6.4.2 within an incomplete frame', [
    whole.subarray(0, HEAD + KOSME.length + 1), whole.subarray(HEAD + KOSME.length + 1, HEAD + KOSME.length + 2)
  ])
]

const CONTINUATIONS = Array.from({ length: 64 }, (_, i) => (0x80 + i).toString(16)).join('')
const lonely = (first: number, last: number): string =>
  Array.from({ length: last - first + 1 }, (_, i) => `${(first + i).toString(16)}20`).join('')
const INCOMPLETE = ['c0', 'e080', 'f08080', 'f8808080', 'fc80808080', 'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf']
const PLANES = [
  'f09f', 'f0af', 'f0bf',
  ...['f1', 'f2', 'f3'].flatMap((lead) => ['8f', '9f', 'af', 'bf'].map((second) => lead + second)), 'f48f'
]

/** 6.5 to 6.23: sequences in hex. */
type Sequences = readonly [
  section: string, description: string, sequences: readonly string[], isValid: boolean | readonly boolean[]
]

const SEQUENCES: readonly Sequences[] = [
  [
    '6.5', 'some valid sequences',
    [...['24', 'c2a2', 'e282ac', 'f0a4ada2'].map((char) => `68656c6c6f ${char} 776f726c64`), KOSME.toString('hex')],
    true
  ],
  [
    '6.6', 'a prefix of Greek', Array.from(KOSME, (_, i) => KOSME.toString('hex', 0, i + 1)),
    [false, true, false, false, true, false, true, false, true, false, true]
  ],
  ['6.7', 'the first sequence of its length', ['00', 'c280', 'e0a080', 'f0908080'], true],
  ['6.8', 'the first sequence of five and six octets', ['f888808080', 'fc8480808080'], false],
  ['6.9', 'the last sequence of its length', ['7f', 'dfbf', 'efbfbf', 'f48fbfbf'], true],
  ['6.10', 'the last sequence of its length, beyond U+10FFFF', ['f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf'], false],
  ['6.11', 'a boundary', ['ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf', 'f4908080'], [true, true, true, true, false]],
  [
    '6.12', 'continuation octets of nothing',
    ['80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf', CONTINUATIONS], false
  ],
  [
    '6.13', 'start octets, each followed by a space',
    [lonely(0xc0, 0xdf), lonely(0xe0, 0xef), lonely(0xf0, 0xf7), lonely(0xf8, 0xfb), lonely(0xfc, 0xfd)], false
  ],
  ['6.14', 'a sequence without its last octet', INCOMPLETE, false],
  ['6.15', 'all sequences of 6.14 in one text', [INCOMPLETE.join('')], false],
  ['6.16', 'octets that never occur in UTF-8', ['fe', 'ff', 'fefeffff'], false],
  ['6.17', 'an overlong slash', ['c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af'], false],
  [
    '6.18', 'the last overlong sequence of its length', ['c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf'],
    false
  ],
  ['6.19', 'an overlong NUL', ['c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080'], false],
  ['6.20', 'a surrogate', ['eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf'], false],
  ['6.21', 'a pair of surrogates', [
    'eda080edb080', 'eda080edbfbf', 'edadbfedb080', 'edadbfedbfbf', 'edae80edb080', 'edae80edbfbf',
    'edafbfedb080', 'edafbfedbfbf'
  ], false],
  [
    '6.22', 'a noncharacter, which is valid',
    ['efbfbe', 'efbfbf', ...PLANES.flatMap((plane) => [`${plane}bfbe`, `${plane}bfbf`])], true
  ],
  ['6.23', 'a special, which is valid', ['b9', 'ba', 'bb', 'bc', 'bd', 'be', 'bf'].map((last) => `efbf${last}`), true]
]

const sequences: Case[] = SEQUENCES.flatMap(([section, description, all, isValid]) => all.map((digits, i): Case => {
  const payload = hex(digits)
  const id = `${section}.${i + 1}`
  const title = `${description}: ${digits.length > 40 ? `${digits.slice(0, 40)}…` : digits}`
  return (typeof isValid === 'boolean' ? isValid : isValid[i]) === true
    ? valid(id, title, [textFrame(payload)], payload)
    : invalid(id, title, [textFrame(payload)])
}))

export const UTF8: readonly Case[] = [...messages, ...failsFast, ...sequences]
