import type { IncomingHttpHeaders } from 'node:http'
import type { DeflateParameters, DeflateSettings } from '../deflate/settings.js'
import { BadExtensionsHeader } from '../errors.js'
import { header } from './header.js'

/** One element of Sec-WebSocket-Extensions (RFC 6455 §9.1). */
export interface ExtensionOffer {
  readonly name: string
  /** In the order received, including repetitions. Quoted values are unquoted. */
  readonly parameters: ReadonlyArray<{ readonly name: string, readonly value: string | undefined }>
}

export interface DeflateAgreement {
  readonly parameters: DeflateParameters
  /** The value of Sec-WebSocket-Extensions in the answer. */
  readonly answer: string
}

// Browsers send one offer with one parameter; two offers with four parameters cover every case.
const MAX_OFFERS = 16
const MAX_PARAMETERS = 16

const SPACE = 0x20
const TAB = 0x09
const QUOTE = 0x22
const COMMA = 0x2c
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const BACKSLASH = 0x5c

// RFC 7230 §3.2.6
const TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const IS_TOKEN = new Uint8Array(128)
for (const char of TOKEN_CHARS) IS_TOKEN[char.charCodeAt(0)] = 1

/**
 * Reads the extensions that a client offers, in its order of preference. Some clients send an empty header for none.
 * @throws BadExtensionsHeader
 */
export function readExtensions (headers: IncomingHttpHeaders): ExtensionOffer[] {
  const value = header(headers, 'sec-websocket-extensions')
  return value === undefined ? [] : new Parser(value).read()
}

/**
 * Parses the grammar of RFC 6455 §9.1 from left to right, reading each character once.
 *
 *   list      = [ extension ] *( "," [ extension ] )
 *   extension = token *( ";" token [ "=" ( token / quoted-string ) ] )
 *
 * Whitespace is allowed between any two of these (RFC 2616 §2.1).
 */
class Parser {
  readonly #text: string
  #at = 0

  constructor (text: string) {
    this.#text = text
  }

  read (): ExtensionOffer[] {
    const offers: ExtensionOffer[] = []
    this.#skipSpace()
    const isEmpty = this.#isAtEnd()
    while (!this.#isAtEnd()) {
      // Empty elements are skipped (RFC 7230 §7).
      if (!this.#skip(COMMA)) {
        if (offers.length === MAX_OFFERS) this.#refuse(`more than ${MAX_OFFERS} extensions`)
        offers.push(this.#readOffer())
        if (!this.#isAtEnd() && !this.#skip(COMMA)) this.#refuse('a comma is missing')
      }
    }
    if (offers.length === 0 && !isEmpty) this.#refuse('no extension')
    return offers
  }

  #readOffer (): ExtensionOffer {
    const name = this.#readToken()
    const parameters: Array<ExtensionOffer['parameters'][number]> = []
    while (this.#skip(SEMICOLON)) {
      if (parameters.length === MAX_PARAMETERS) this.#refuse(`more than ${MAX_PARAMETERS} parameters`)
      const name = this.#readToken()
      parameters.push({ name, value: this.#skip(EQUALS) ? this.#readValue() : undefined })
    }
    return { name, parameters }
  }

  #readToken (): string {
    const start = this.#at
    while (IS_TOKEN[this.#text.charCodeAt(this.#at)] === 1) this.#at++
    if (this.#at === start) this.#refuse('a token is missing')
    const token = this.#text.slice(start, this.#at)
    this.#skipSpace()
    return token
  }

  // The unescaped text between the quotes must be a token (RFC 6455 §9.1).
  #readValue (): string {
    if (this.#text.charCodeAt(this.#at) !== QUOTE) return this.#readToken()
    this.#at++
    let value = ''
    for (;;) {
      if (this.#text.charCodeAt(this.#at) === BACKSLASH) this.#at++
      else if (this.#text.charCodeAt(this.#at) === QUOTE) break
      if (IS_TOKEN[this.#text.charCodeAt(this.#at)] !== 1) this.#refuse('a quoted value is not a token')
      value += this.#text[this.#at++]
    }
    if (value === '') this.#refuse('a quoted value is empty')
    this.#at++
    this.#skipSpace()
    return value
  }

  /** Skips a character and the whitespace after it. Returns false if another character comes next. */
  #skip (char: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== char) return false
    this.#at++
    this.#skipSpace()
    return true
  }

  #skipSpace (): void {
    let char = this.#text.charCodeAt(this.#at)
    while (char === SPACE || char === TAB) char = this.#text.charCodeAt(++this.#at)
  }

  #isAtEnd (): boolean {
    return this.#at >= this.#text.length
  }

  #refuse (why: string): never {
    throw new BadExtensionsHeader(why, this.#at)
  }
}

/** Accepts the first acceptable offer of permessage-deflate, if any (RFC 7692 §5). */
export function negotiateDeflate (
  offers: readonly ExtensionOffer[], settings: DeflateSettings
): DeflateAgreement | undefined {
  for (const offer of offers) {
    if (offer.name !== 'permessage-deflate') continue
    const read = readDeflateOffer(offer)
    // zlib has no raw stream with a window of 256 bytes: it uses 512 instead, which such a client cannot read. For
    // received messages this is no problem: a larger window can read data compressed with a smaller one.
    if (read !== undefined && read.serverMaxWindowBits !== 8) return agree(read, settings)
  }
  return undefined
}

/** The parameters of an offer; a window of 0 was not given. */
interface DeflateOffer {
  serverNoContextTakeover: boolean
  clientNoContextTakeover: boolean
  serverMaxWindowBits: number
  clientMaxWindowBits: number
}

// Declines an offer with an unknown, repeated or invalid parameter (RFC 7692 §7.1). Other offers may still be accepted.
function readDeflateOffer ({ parameters }: ExtensionOffer): DeflateOffer | undefined {
  const offer: DeflateOffer = {
    serverNoContextTakeover: false, clientNoContextTakeover: false, serverMaxWindowBits: 0, clientMaxWindowBits: 0
  }
  for (const { name, value } of parameters) {
    switch (name) {
      case 'server_no_context_takeover':
        if (value !== undefined || offer.serverNoContextTakeover) return undefined
        offer.serverNoContextTakeover = true
        break
      case 'client_no_context_takeover':
        if (value !== undefined || offer.clientNoContextTakeover) return undefined
        offer.clientNoContextTakeover = true
        break
      case 'server_max_window_bits':
        if (!isWindowBits(value) || offer.serverMaxWindowBits !== 0) return undefined
        offer.serverMaxWindowBits = Number(value)
        break
      case 'client_max_window_bits':
        // §7.1.2.2: without a value, the parameter only means that the client supports it.
        if ((value !== undefined && !isWindowBits(value)) || offer.clientMaxWindowBits !== 0) return undefined
        offer.clientMaxWindowBits = Number(value ?? 15)
        break
      default:
        return undefined
    }
  }
  return offer
}

// RFC 7692 §7.1.2: a decimal integer from 8 to 15 without leading zeros.
function isWindowBits (value: string | undefined): boolean {
  return value === '8' || value === '9' || (value?.length === 2 && value >= '10' && value <= '15')
}

function agree (offer: DeflateOffer, settings: DeflateSettings): DeflateAgreement {
  const wasServerWindowRequested = offer.serverMaxWindowBits !== 0
  const wasClientWindowOffered = offer.clientMaxWindowBits !== 0
  const parameters: DeflateParameters = {
    // §7.1.1: the answer must include what was requested, and may include either unasked.
    serverNoContextTakeover: offer.serverNoContextTakeover || !settings.contextTakeover,
    // A client without client_max_window_bits cannot be limited to a smaller window, so it gets no context.
    clientNoContextTakeover: offer.clientNoContextTakeover || !settings.clientContextTakeover ||
      (!wasClientWindowOffered && settings.clientWindowBits < 15),
    serverMaxWindowBits: Math.min(offer.serverMaxWindowBits || 15, settings.windowBits),
    clientMaxWindowBits: wasClientWindowOffered ? Math.min(offer.clientMaxWindowBits, settings.clientWindowBits) : 15
  }
  let answer = 'permessage-deflate'
  if (parameters.serverNoContextTakeover) answer += '; server_no_context_takeover'
  if (parameters.clientNoContextTakeover) answer += '; client_no_context_takeover'
  // §7.1.2.1: accept a requested window by repeating it, with the same value or a smaller one.
  if (wasServerWindowRequested || parameters.serverMaxWindowBits < 15) {
    answer += `; server_max_window_bits=${parameters.serverMaxWindowBits}`
  }
  // §7.1.2.2: only for a client that offered the parameter. 15 is the default.
  if (parameters.clientMaxWindowBits < 15) answer += `; client_max_window_bits=${parameters.clientMaxWindowBits}`
  return { parameters, answer }
}
