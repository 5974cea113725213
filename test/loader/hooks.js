// Node.js loads the TypeScript of this project as it is: types are blanked out, and `./x.js` means `./x.ts` where that file exists,
// as `./x.mjs` means `./x.mts`.
import { existsSync } from 'node:fs'
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
  load: (url, context, next) => isStripped(url) ? withoutTypes(url, next(url, { ...context, format: 'module' })) : next(url, context)
}

export async function resolve (specifier, context, next) {
  if (isMocked(context)) {
    try {
      return await next(specifier, context)
    } catch {}
  }
  return next(source(specifier, context), context)
}

export async function load (url, context, next) {
  return isStripped(url) ? withoutTypes(url, await next(url, { ...context, format: 'module' })) : next(url, context)
}
