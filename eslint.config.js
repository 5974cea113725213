import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

const BYTES = 'Buffer|(Shared)?ArrayBuffer|DataView|Blob|File|(Uint8|Uint8Clamped|Uint16|Uint32|Int8|Int16|Int32|Float32|Float64|BigInt64|BigUint64)Array'

export default [
  ...neostandard({ ts: true, filesTs: ['**/*.mts', '**/*.cts'], ignores: resolveIgnoresFromGitignore() }),
  {
    ignores: ['lib/codec/unmask-wasm.ts'],
    rules: {
      '@stylistic/max-len': ['error', {
        code: 120, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreRegExpLiterals: true, ignoreUrls: true
      }]
    }
  },
  {
    files: ['examples/*/page/*.js'],
    languageOptions: {
      globals: Object.fromEntries([
        'document', 'location', 'matchMedia', 'requestAnimationFrame', 'top', 'window'
      ].map((name) => [name, 'readonly']))
    }
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', {
        selector: `BinaryExpression[operator="instanceof"][right.name=/^(${BYTES})$/]`,
        message: 'Test environments replace the global: use Buffer.isBuffer, ArrayBuffer.isView, Array.isArray, node:util types or isBlob().'
      }]
    }
  },
  {
    files: ['lib/**/*.ts'],
    ignores: ['lib/timers.ts'],
    rules: {
      'no-restricted-globals': ['error', ...[
        'clearImmediate', 'clearInterval', 'clearTimeout', 'performance', 'queueMicrotask', 'setImmediate',
        'setInterval', 'setTimeout'
      ].map((name) => ({ name, message: 'Fake timers of a test replace it: use lib/timers.ts.' }))],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'nextTick', message: 'Fake timers of a test replace it: use lib/timers.ts.' }
      ]
    }
  }
]
