// The catalogue of the Autobahn test suite for servers, with its numbers. The cases are written here from RFC 6455 and
// RFC 7692.
import type { Case } from './case.js'
import { CLOSING } from './closing.js'
import { compression, MESSAGES } from './compression.js'
import { FRAMING } from './framing.js'
import { LARGE } from './large.js'
import { UTF8 } from './utf8.js'

export const sectionOf = ({ id }: Case): number => Number(id.split('.')[0])

/** The sections, and the number of cases of each in the catalogue. */
export const SECTIONS: ReadonlyArray<readonly [section: number, name: string, cases: number]> = [
  [1, 'framing', 16],
  [2, 'pings and pongs', 11],
  [3, 'reserved bits', 7],
  [4, 'opcodes', 10],
  [5, 'fragmentation', 20],
  [6, 'UTF-8', 145],
  [7, 'closing handshake', 37],
  [9, 'limits and performance', 54],
  [10, 'automatic fragmentation', 1],
  [12, 'compression of different payloads', 90],
  [13, 'compression with different parameters', 126]
]

/** Returns all cases. @param messages the number of messages of each case of sections 12 and 13 */
export function catalogue (messages = MESSAGES): readonly Case[] {
  const all = [...FRAMING, ...UTF8, ...CLOSING, ...LARGE, ...compression(messages)]
  return SECTIONS.flatMap(([section]) => all.filter((one) => sectionOf(one) === section))
}
