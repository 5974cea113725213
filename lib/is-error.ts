/**
 * Whether something is an error, of whichever realm: test runners give an application globals of its own, and what Node
 * throws is no instance of that `Error`.
 */
export function isError (thrown: unknown): thrown is Error {
  return thrown instanceof Error || Object.prototype.toString.call(thrown) === '[object Error]'
}
