/** Which protocol a socket speaks: RFC 6455 (`13`), its drafts, or one of the two that came before. */
export type Version = '13' | '8' | '7' | 'hixie-76' | 'hixie-75'

/** Every version there is, the preferred first. */
export const VERSIONS: readonly Version[] = ['13', '8', '7', 'hixie-76', 'hixie-75']

/** Whether a version is one of those before the handshake got a number: they carry text only, and have no ping. */
export function isHixie (version: Version): version is 'hixie-76' | 'hixie-75' {
  return version === 'hixie-76' || version === 'hixie-75'
}
