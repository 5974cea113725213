import { fileURLToPath } from 'node:url'

// What is built lies one directory deeper, in dist/.
const isBuilt = import.meta.url.endsWith('.js')

/** The directory of the project. */
export const ROOT = fileURLToPath(new URL(isBuilt ? '../..' : '..', import.meta.url))

/** A module of this directory, named without its extension, as it is run now. */
export function moduleUrl (name: string): URL {
  return new URL(name + (isBuilt ? '.js' : '.ts'), import.meta.url)
}
