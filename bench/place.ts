import { fileURLToPath } from 'node:url'

// The build puts these files one directory deeper, into dist/.
const isBuilt = import.meta.url.endsWith('.js')

/** The root directory of the project. */
export const ROOT = fileURLToPath(new URL(isBuilt ? '../..' : '..', import.meta.url))

/** The URL of a module of this directory, source or build, by its name without an extension. */
export function moduleUrl (name: string): URL {
  return new URL(name + (isBuilt ? '.js' : '.ts'), import.meta.url)
}
