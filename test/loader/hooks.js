// Hooks with which Node.js loads the TypeScript of this project: types are blanked out, and `./x.js` means `./x.ts` if
// that file exists, as `./x.mjs` means `./x.mts`.
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

// Whether a module was loaded by t.mockImport(). tap knows the modules that it replaces by their names in the source.
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

// For each module, the asynchronous hooks of tap wait for the main thread, which takes longer than loading most
// modules. Files with a relative name do not need those hooks, and are resolved and loaded here.

const isFile = (url) => statSync(fileURLToPath(url), { throwIfNoEntry: false })?.isFile() === true

const types = new Map()

/** Returns the module type of the .js files of a directory, from the nearest package.json. */
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
