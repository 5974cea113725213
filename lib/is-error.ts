/**
 * Whether a value is an error of any realm. Test runners give an application its own globals, and errors thrown by Node
 * are not instances of that `Error`.
 */
export function isError (thrown: unknown): thrown is Error {
  return thrown instanceof Error || Object.prototype.toString.call(thrown) === '[object Error]'
}
