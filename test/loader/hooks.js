// Node.js loads the TypeScript of this project as it is: types are blanked out, and `./x.js` means `./x.ts` where that
// file exists, as `./x.mjs` means `./x.mts`.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stripped } from './stripped.js'

const ROOT = new URL('../../', import.meta.url).href

const isOurs = (url) => url.startsWith(ROOT) && !url.includes('/node_modules/')

function source (specifier, { parentURL }) {
  if (!/^(\.|file:).*\.m?js($|\?)/.test(specifier)) return specifier
  const url = new URL(specifier.replace(/\.(m?)js(?=$|\?)/, '.$1ts'), parentURL)
  return isOurs(url.href) && existsSync(fileURLToPath(url)) ? url.href : specifier
}

// A module under t.mockImport(): tap knows what it replaces by the names in the source.
const isMocked = ({ parentURL }) => parentURL?.includes('?tapmock=')

const isStripped = (url) => isOurs(url) && /\.m?ts($|\?)/.test(url)

const withoutTypes = (url, loaded) => ({ ...loaded, source: stripped(String(loaded.source), fileURLToPath(url)) })

export const sync = {
  resolve (specifier, context, next) {
    if (isMocked(context)) {
      try {
        return next(specifier, context)
      } catch {}
    }
    return next(source(specifier, context), context)
  },
  load: (url, context, next) => isStripped(url)
    ? withoutTypes(url, next(url, {
      ...context, format: 'module'
    }))
    : next(url, context)
}

// The asynchronous hooks of tap ask the main thread about each module, which takes longer than loading most of them.
// What needs no hook of theirs is answered here: files by a relative name, and their text.

const isFile = (url) => statSync(fileURLToPath(url), { throwIfNoEntry: false })?.isFile() === true

const types = new Map()

/** What the files of a directory that end in .js are, as the next package.json above says. */
function typeOf (directory) {
  let type = types.get(directory.href)
  if (type !== undefined) return type
  const above = new URL('../', directory)
  try {
    type = JSON.parse(readFileSync(new URL('package.json', directory), 'utf8')).type ?? 'commonjs'
  } catch {
    type = above.href === directory.href ? 'commonjs' : typeOf(above)
  }
  types.set(directory.href, type)
  return type
}

function formatOf (url) {
  if (!/^file:[^?#]*\.m?js$/.test(url)) return undefined
  return url.endsWith('.mjs') ? 'module' : typeOf(new URL('./', url))
}

function resolveHere (specifier, { parentURL = '' }) {
  if (!/^(\.\.?\/|file:)/.test(specifier) || !parentURL.startsWith('file:') || /[?#]/.test(specifier + parentURL)) {
    return undefined
  }
  const { href: url } = new URL(specifier, parentURL)
  if (isStripped(url)) return { url, format: 'module', shortCircuit: true }
  const format = formatOf(url)
  return format !== undefined && isFile(url) ? { url, format, shortCircuit: true } : undefined
}

export async function resolve (specifier, context, next) {
  if (isMocked(context)) {
    try {
      return await next(specifier, context)
    } catch {}
  }
  const target = source(specifier, context)
  return resolveHere(target, context) ?? next(target, context)
}

export async function load (url, context, next) {
  if (isStripped(url)) {
    return {
      format: 'module',
      source: stripped(readFileSync(fileURLToPath(url), 'utf8'), fileURLToPath(url)),
      shortCircuit: true
    }
  }
  const format = formatOf(url)
  if (format === 'module') return { format, source: readFileSync(fileURLToPath(url)), shortCircuit: true }
  // The loader of CommonJS reads the file itself.
  return format === 'commonjs' ? { format, shortCircuit: true } : next(url, context)
}
