// One process of the demo. It says to the process that started it where it listens, and ends with it.
import { buildDemo } from './app.js'

const { HOST: host = '127.0.0.1', PORT = '3000', REDIS_URL } = process.env

const fail = (message: string): never => {
  console.error(message)
  process.exit(1)
}

try {
  const app = await buildDemo(REDIS_URL)
  const stop = (): void => {
    app.close().then(() => process.exit(), (error: unknown) => fail(`The demo did not stop cleanly: ${String(error)}`))
  }
  // Ctrl+C in a terminal reaches both processes: this one is stopped by the other one.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', stop)
  process.on('disconnect', stop)
  const address = await app.listen({ host, port: Number(PORT) })
  process.send?.(address, undefined, undefined, () => {})
} catch (error) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') fail(`Port ${PORT} is in use. Choose another one: PORT=${Number(PORT) + 1} npm start`)
  if (code === 'EACCES') fail(`Port ${PORT} may not be used by this user. Choose one over 1023: PORT=3000 npm start`)
  fail(`The demo could not start: ${String(error)}`)
}
