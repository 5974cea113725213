// `node --import ./test/loader/register.js FILE` runs a file of TypeScript.
import module from 'node:module'
import { sync } from './hooks.js'

const [major, minor] = process.versions.node.split('.').map(Number)

// Where tap's own hooks are asynchronous, which run after all synchronous ones, ours must be as well.
if (major > 25 || (major === 24 && minor >= 13)) module.registerHooks(sync)
else module.register('./hooks.js', import.meta.url)

// tap would load itself into every process that a test starts: compilers, bundlers, other test runners.
globalThis[Symbol.for('process-on-spawn@*:singletonId')]?.listeners.splice(0)

// A file that is run alone has the time that it has under tap, which .taprc says.
process.env.TAP_TIMEOUT ??= '600'
