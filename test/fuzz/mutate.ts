type Random = (limit: number) => number

/** Boundary values of lengths, bits and types. */
const BYTES = [0x00, 0x01, 0x02, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0xc1, 0xfe, 0xff] as const

/** Words that the targets look for, and that random changes rarely produce. */
const WORDS = [
  Buffer.from('8100', 'hex'), Buffer.from('8180000000 00'.replace(' ', ''), 'hex'),
  Buffer.from('018000000000', 'hex'), Buffer.from('808000000000', 'hex'), Buffer.from('c1810000000001', 'hex'),
  Buffer.from('8882000000 0003e8'.replace(' ', ''), 'hex'), Buffer.from('fe007e', 'hex'),
  Buffer.from('ff0000000000010000', 'hex'), Buffer.from('ff00', 'hex'), Buffer.from('00ff', 'hex'),
  ...['permessage-deflate', '; server_max_window_bits=', '; client_max_window_bits', '; client_no_context_takeover', '="', '\\', ', ', ' ; ', 'Sec-WebSocket-Version: 13\n', 'Upgrade: websocket\n',
    'Connection: Upgrade\n', 'Host: a\n', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n',
    'Sec-WebSocket-Key1: 1 1\n', 'Sec-WebSocket-Key2: 2 2\n', 'Origin: null\n', ':protocol: websocket\n',
    '{"type":"', 'message', 'subscribed', 'resume', '"topics":{', '"cursor":"', '"prev":""', '"isGap":true',
    '"heartbeat":1', '"member":{}', '}\n', '\n'].map((word) => Buffer.from(word))
]

/** Changes an input in one to four places. @param other another input of the corpus */
export function mutate (input: Buffer, other: Buffer, random: Random, longest: number): Buffer {
  let bytes = input
  for (let i = 1 + random(4); i > 0; i--) bytes = change(bytes, other, random)
  return bytes.subarray(0, longest)
}

function change (bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = random(bytes.length + 1)
  const length = Math.min(1 + random(16), bytes.length - at)
  const insert = (piece: Buffer): Buffer => Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])
  const replace = (piece: Buffer): Buffer => Buffer.concat([
    bytes.subarray(0, at), piece, bytes.subarray(at + piece.length)
  ])
  switch (random(9)) {
    case 0: return replace(Buffer.of((bytes[at] ?? 0) ^ (1 << random(8))))
    case 1: return replace(Buffer.of(BYTES[random(BYTES.length)] as number))
    case 2: return replace(Buffer.of(random(256)))
    case 3: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 4: return insert(bytes.subarray(at, at + length))
    case 5: return insert(WORDS[random(WORDS.length)] as Buffer)
    case 6: return replace(WORDS[random(WORDS.length)] as Buffer)
    case 7: return Buffer.concat([bytes.subarray(0, at), other.subarray(random(other.length + 1))])
    default: return insert(Buffer.from(Array.from({ length: 1 + random(8) }, () => random(256))))
  }
}
