import { buildDemo } from './app.js'

const host = process.env.HOST ?? '127.0.0.1'
const port = Number(process.env.PORT ?? 3000)

const fail = (message: string): never => {
  console.error(message)
  process.exit(1)
}

if (!Number.isInteger(port) || port < 0 || port > 65535) {
  fail(`PORT must be a number from 0 to 65535, not "${process.env.PORT}"`)
}

const app = await buildDemo()

const stop = () => {
  // A second signal finds no listener and ends the process at once.
  process.removeListener('SIGINT', stop)
  process.removeListener('SIGTERM', stop)
  app.close().then(
    () => process.exit(0),
    (error: unknown) => fail(`The demo did not stop cleanly: ${String(error)}`))
}
process.on('SIGINT', stop)
process.on('SIGTERM', stop)

try {
  const address = await app.listen({ host, port })
  console.log(`The slider is at ${address} - open it in two windows (Ctrl+C stops it)`)
} catch (error) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') fail(`Port ${port} is in use. Choose another one: PORT=${port + 1} npm start`)
  else if (code === 'EACCES') fail(`Port ${port} may not be used by this user. Choose one over 1023: PORT=3000 npm start`)
  else fail(`The demo could not start: ${String(error)}`)
}
