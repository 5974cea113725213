import { Duplex } from 'node:stream'
import { NullInStream, UncleanClose } from '../errors.js'

/** The socket as its stream knows it. */
export interface StreamedSocket {
  [Symbol.asyncIterator] (): AsyncIterator<unknown, unknown>
  send (data: string | Buffer, callback: (error?: Error) => void): unknown
  close (code: number): void
  terminate (): void
  emit (event: 'error', error: Error): boolean
}

/**
 * A Duplex over a socket: what is written is sent (a string as text, bytes as binary, each chunk a message), what
 * arrives is read as bytes. Ending it closes the socket with 1000, destroying it cuts the connection; an unclean
 * close destroys it with the error. With a schema values are read, or written, in place of bytes.
 */
export function createStream (socket: StreamedSocket, readsValues = false, writesValues = false): Duplex {
  const messages = socket[Symbol.asyncIterator]() as AsyncIterator<string | Buffer | null, undefined>
  const stream = new Duplex({
    decodeStrings: false,
    readableObjectMode: readsValues,
    writableObjectMode: writesValues,
    allowHalfOpen: false,
    read () {
      messages.next().then(
        ({ done, value }) => {
          // An empty chunk would not be handed on, and read() not be called again.
          if (done === true) this.push(null)
          else if (value === null) this.destroy(new NullInStream())
          else if (!readsValues && value.length === 0) this._read(0)
          else this.push(value)
        },
        (error: Error) => { this.destroy(error) })
    },
    write (chunk: string | Buffer, _encoding, callback) {
      socket.send(chunk, callback)
    },
    final (callback) {
      socket.close(1000)
      callback()
    },
    destroy (error, callback) {
      if (error !== null || !this.writableFinished) socket.terminate()
      callback(error)
    }
  })
  // An error that nobody listens to would end the process. Whether a peer leaves by a close is not up to the application.
  stream.on('error', (error) => {
    if (stream.listenerCount('error') === 1 && !(error instanceof UncleanClose)) socket.emit('error', error)
  })
  return stream
}
