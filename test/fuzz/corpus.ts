import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { TargetName } from './targets.js'

const folderOf = (name: TargetName): URL => new URL(`corpus/${name}/`, import.meta.url)

/** Returns the saved inputs of a target, in the order of their names. */
export function readCorpus (name: TargetName): Buffer[] {
  const folder = folderOf(name)
  return existsSync(folder) ? readdirSync(folder).sort().map((file) => readFileSync(new URL(file, folder))) : []
}

/** Saves an input in a file that is named after the hash of its content. */
export function saveInput (name: TargetName, input: Buffer): string {
  const folder = folderOf(name)
  mkdirSync(folder, { recursive: true })
  const file = createHash('sha256').update(input).digest('hex').slice(0, 16)
  writeFileSync(new URL(file, folder), input)
  return file
}
