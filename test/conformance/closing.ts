// Section 7 of the catalogue: the closing handshake (RFC 6455 §5.5.1, §7).
import { CLOSE } from '../../lib/codec/opcode.js'
import { clientFrame } from '../fixtures/frames.js'
import { continuation, exchange, NOTHING, pingFrame, text, textFrame, type Case } from './case.js'

const codeOf = (code: number): Buffer => Buffer.from([code >> 8, code & 0xff])
const closePayload = (code: number, reason: string | Buffer = ''): Buffer => Buffer.concat([
  codeOf(code), Buffer.from(reason)
])
const closeFrame = (payload: Buffer): Buffer => clientFrame(CLOSE, payload)

const NORMAL = codeOf(1000)
const CLOSED = closeFrame(NORMAL)
const LONG = Buffer.alloc(262_144, '*')
const HELLO = textFrame('Hello World!')

/** 7.1: the server ignores frames after a close frame. */
const after: Case[] = [
  {
    id: '7.1.1',
    rfc: '§7.1.2',
    description: 'a text, then a close',
    script: exchange([HELLO, CLOSED], [text('Hello World!')]),
    ending: { answers: NORMAL }
  },
  {
    id: '7.1.2',
    rfc: '§5.5.1',
    description: 'two closes',
    script: exchange([
      Buffer.concat([CLOSED, CLOSED])
    ]),
    ending: { answers: NORMAL }
  },
  {
    id: '7.1.3',
    rfc: '§5.5.1',
    description: 'a close, then a ping',
    script: exchange([
      Buffer.concat([CLOSED, pingFrame()])
    ]),
    ending: { answers: NORMAL }
  },
  {
    id: '7.1.4',
    rfc: '§5.5.1',
    description: 'a close, then a text',
    script: exchange([
      Buffer.concat([CLOSED, HELLO])
    ]),
    ending: { answers: NORMAL }
  },
  {
    id: '7.1.5',
    rfc: '§5.5.1',
    description: 'a fragment, a close, and the last fragment',
    script: exchange([Buffer.concat([textFrame('fragment1', false), CLOSED, continuation('fragment2')])]),
    ending: { answers: NORMAL }
  },
  {
    id: '7.1.6',
    rfc: '§5.5.1',
    description: 'a text of 256 KiB, a close, and a ping',
    isInformational: true,
    script: exchange([Buffer.concat([textFrame(LONG), CLOSED, pingFrame()])], [text(LONG)]),
    ending: { answers: NORMAL }
  }
]

const answered = (id: string, rfc: string, description: string, payload: Buffer): Case =>
  ({ id, rfc, description, script: exchange([closeFrame(payload)]), ending: { answers: payload } })
const refused = (id: string, rfc: string, description: string, payload: Buffer, fails = 1002): Case =>
  ({ id, rfc, description, script: exchange([closeFrame(payload)]), ending: { fails } })

/** 7.3 and 7.5: the payload of a close. */
const payloads: Case[] = [
  answered('7.3.1', '§5.5.1', 'a close without payload', NOTHING),
  refused('7.3.2', '§5.5.1', 'a close with a payload of one byte', Buffer.from('a')),
  answered('7.3.3', '§5.5.1', 'a close with a code', NORMAL),
  answered('7.3.4', '§5.5.1', 'a close with a code and a reason', closePayload(1000, 'Hello World!')),
  answered('7.3.5', '§5.5', 'a close with a reason of 123 bytes', closePayload(1000, '*'.repeat(123))),
  refused('7.3.6', '§5.5', 'a close with a reason of 124 bytes', closePayload(1000, '*'.repeat(124))),
  refused(
    '7.5.1', '§8.1', 'a close with a reason that is not valid UTF-8',
    closePayload(1000, Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex')), 1007
  )
]

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]

/** 7.7, 7.9 and 7.13: RFC 6455 §7.4. */
const codes: Case[] = [
  ...VALID.map((code, i) => answered(`7.7.${i + 1}`, '§7.4.1', `a close with ${code}`, codeOf(code))),
  ...INVALID.map((code, i) => refused(`7.9.${i + 1}`, '§7.4.2', `a close with ${code}`, codeOf(code))),
  // RFC 6455 does not mention codes over 4999. We treat them as protocol errors.
  ...[5000, 65_535].map((code, i): Case => ({
    ...refused(`7.13.${i + 1}`, '§7.4.2', `a close with ${code}`, codeOf(code)), isInformational: true
  }))
]

export const CLOSING: readonly Case[] = [...after, ...payloads, ...codes]
