// Sections 12 and 13 of the catalogue: permessage-deflate (RFC 7692) with payloads of all kinds and sizes, and with all
// parameters.
import { BINARY, TEXT } from '../../lib/codec/opcode.js'
import { json, randomBytes } from '../fixtures/deflate.js'
import { createRandom } from '../fixtures/sink.js'
import type { Case, Message, Step } from './case.js'

/** The number of messages of each case in the catalogue. */
export const MESSAGES = 1_000

/** Message sizes, each with a fragment size. The third number in the id of a case is an index of this list. */
const SIZES: ReadonlyArray<readonly [size: number, fragment: number]> = [
  ...[16, 64, 256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072].map((size) => [size, Infinity] as const),
  ...[8_192, 16_384, 32_768, 65_536, 131_072].map((size) => [size, 256] as const),
  ...[1_024, 4_096, 32_768].map((fragment) => [131_072, fragment] as const)
]

interface Source {
  readonly name: string
  readonly opcode: number
  readonly create: () => Buffer
}

const WORDS = 'Habe nun ach Philosophie Juristerei und Medizin durchaus studiert mit heissem Bemuehn da steh ich nun'.split(' ')

function prose (length: number): Buffer {
  const random = createRandom(3)
  let all = ''
  while (all.length < length) all += `${WORDS[random(WORDS.length)] as string}${random(9) === 0 ? ',\n' : ' '}`
  return Buffer.from(all.slice(0, length))
}

function markup (length: number): Buffer {
  const random = createRandom(4)
  let all = '<!doctype html><table>'
  while (all.length < length) {
    all += `<tr class="row${random(2)}"><td><a href="/item/${random(10_000)}">${WORDS[random(WORDS.length)] as string}</a></td></tr>\n`
  }
  return Buffer.from(all.slice(0, length))
}

/** Neighbouring pixels differ little. */
function bitmap (length: number): Buffer {
  const random = createRandom(5)
  const pixels = Buffer.alloc(length)
  for (let i = 1; i < length; i++) pixels[i] = (pixels[i - 1] as number) + random(7) - 3
  return pixels
}

/** 12.1 to 12.5: data of the same kinds and lengths as the files of the catalogue. */
const SOURCES: readonly Source[] = [
  { name: 'JSON', opcode: TEXT, create: () => json(194_056) },
  { name: 'a bitmap', opcode: BINARY, create: () => bitmap(263_222) },
  { name: 'prose', opcode: BINARY, create: () => prose(222_218) },
  { name: 'HTML', opcode: TEXT, create: () => markup(263_527) },
  { name: 'data that does not compress', opcode: BINARY, create: () => randomBytes(1_042_328) }
]

const made = new Map<Source, Buffer>()

function dataOf (source: Source): Buffer {
  let data = made.get(source)
  if (data === undefined) made.set(source, data = source.create())
  return data
}

function * exchanges (source: Source, size: number, fragment: number, count: number): Generator<Step> {
  const data = dataOf(source)
  for (let i = 0; i < count; i++) {
    const start = i * size % (data.length - size + 1)
    const message: Message = { opcode: source.opcode, payload: data.subarray(start, start + size) }
    yield { say: message, fragment }
    yield { receive: message }
  }
}

/** The part that all offers of the catalogue share: the client accepts both restrictions. */
const CLIENT_OFFER = 'permessage-deflate; client_no_context_takeover; client_max_window_bits'

const offerOf = (noContextTakeover: boolean, windowBits: number): string =>
  `${CLIENT_OFFER}${noContextTakeover ? '; server_no_context_takeover' : ''}${windowBits === 0 ? '' : `; server_max_window_bits=${windowBits}`}`

/** 13.1 to 13.7: whether the client asks for no context takeover, and the window it asks for, or 0 for none. */
const OFFERS: ReadonlyArray<ReadonlyArray<readonly [noContextTakeover: boolean, windowBits: number]>> = [
  [[false, 0]], [[true, 0]], [[false, 9]], [[false, 15]], [[true, 9]], [[true, 15]], [[true, 9], [true, 0], [false, 0]]
]

const rows = (
  section: string, rfc: string, description: string, source: Source, offer: string, count: number
): Case[] => SIZES.map(([size, fragment], i) => ({
  id: `${section}.${i + 1}`,
  rfc,
  description: `${description}, ${size} bytes each${fragment === Infinity ? '' : ` in fragments of ${fragment}`}`,
  offer,
  script: () => exchanges(source, size, fragment, count),
  ending: 'closes'
}))

/** @param count the number of messages of each case, which is 1000 in the catalogue */
export const compression = (count: number): readonly Case[] => [
  ...SOURCES.flatMap((source, i) => rows(
    `12.${i + 1}`, 'RFC 7692 §7.2', `${count} messages of ${source.name}`, source, CLIENT_OFFER, count
  )),
  ...OFFERS.flatMap((offers, i) => {
    const offer = offers.map(([noContextTakeover, windowBits]) => offerOf(noContextTakeover, windowBits)).join(', ')
    return rows(
      `13.${i + 1}`, 'RFC 7692 §7.1',
      `${count} messages of JSON, offered ${offers.map((pair) => `(${pair.join(', ')})`).join(' or ')}`,
      SOURCES[0] as Source, offer, count
    )
  })
]
