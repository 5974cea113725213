// Bundles the client, with lib/topics/frames.ts, into one ES module that a page can load, and into one of CommonJS for
// test runners that cannot load the former. Part of `npm run build`. The declarations come from client/tsconfig.json.
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const FILES = { es: 'live-socket.mjs', cjs: 'live-socket.cjs' }

export const bundle = (options) => build({
  configFile: false,
  logLevel: 'warn',
  root: fileURLToPath(new URL('.', import.meta.url)),
  build: {
    target: 'es2022',
    outDir: '../dist/client',
    emptyOutDir: false,
    minify: false,
    lib: { entry: 'live-socket.mts', formats: ['es', 'cjs'], fileName: (format) => FILES[format] },
    ...options
  }
})

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle()
