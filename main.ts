// What `import` and `require()` load. It is a file of its own because compilers before TypeScript 5.6 cannot read this
// name, so that it must not be in the declarations: those of `import` are in index.ts, those of `require()` in types/require.cts.
export * from './index.js'
export { default, default as 'module.exports' } from './index.js'
