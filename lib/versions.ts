/** The protocol version of a socket: RFC 6455 (`13`), its drafts (`8`, `7`) or an earlier protocol (`hixie-…`). */
export type Version = '13' | '8' | '7' | 'hixie-76' | 'hixie-75'

/** All versions, in order of preference. */
export const VERSIONS: readonly Version[] = ['13', '8', '7', 'hixie-76', 'hixie-75']

/** Whether a version is a hixie draft. These have text messages only, and no ping. */
export function isHixie (version: Version): version is 'hixie-76' | 'hixie-75' {
  return version === 'hixie-76' || version === 'hixie-75'
}
