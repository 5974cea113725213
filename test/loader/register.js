// `node --import ./test/loader/register.js FILE` runs a file of TypeScript.
import module from 'node:module'
import { sync } from './hooks.js'

const [major, minor] = process.versions.node.split('.').map(Number)

// Asynchronous hooks run after all synchronous ones. If those of tap are asynchronous, ours must be as well.
if (major > 25 || (major === 24 && minor >= 13)) module.registerHooks(sync)
else module.register('./hooks.js', import.meta.url)

// Without this, tap loads itself into every process that a test starts: compilers, bundlers, other test runners.
globalThis[Symbol.for('process-on-spawn@*:singletonId')]?.listeners.splice(0)

// A file that runs alone has the same timeout as in .taprc.
process.env.TAP_TIMEOUT ??= '600'
