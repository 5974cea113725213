import { inspect } from 'node:util'
import { BadOption } from '../errors.js'
import { VERSIONS, type Version } from '../versions.js'
import type { SocketOptions } from './options.js'

/** @throws BadOption */
export function resolveVersions (given: readonly Version[] = VERSIONS): readonly Version[] {
  if (!Array.isArray(given) || given.length === 0 || given.some((version) => !VERSIONS.includes(version))) {
    throw new BadOption('versions', `a list of one or more of ${VERSIONS.join(', ')}`, inspect(given))
  }
  return given
}

/** @throws BadOption */
export function resolveProtocols (given: SocketOptions['protocols']): SocketOptions['protocols'] {
  if (given === undefined || typeof given === 'function') return given
  if (!Array.isArray(given) || given.some((protocol) => typeof protocol !== 'string')) {
    throw new BadOption('protocols', 'a list of strings or a function', inspect(given))
  }
  return given
}
