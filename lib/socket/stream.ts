import { Duplex } from 'node:stream'
import { ConnectionClosed, NotOpen, NullInStream, UncleanClose } from '../errors.js'

/** The socket, as far as its stream uses it. */
export interface StreamedSocket {
  [Symbol.asyncIterator] (): AsyncIterator<unknown, unknown>
  send (data: string | Buffer, callback: (error?: Error) => void): unknown
  close (code: number): void
  terminate (): void
  emit (event: 'error', error: Error): boolean
}

/**
 * Creates a Duplex over a socket. Each chunk written is sent as a message: strings as text, bytes as binary. Received
 * messages are read as bytes. Ending the stream closes the socket with 1000; destroying it destroys the connection. An
 * unclean close destroys the stream with an error.
 * @param readsValues whether to read values of a schema, in object mode
 * @param writesValues whether to write values of a schema, in object mode
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
          // Pushing an empty chunk would emit nothing and not cause another read().
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
  // An 'error' without listeners would end the process.
  stream.on('error', (error) => {
    if (stream.listenerCount('error') === 1 && !isOfClose(error)) socket.emit('error', error)
  })
  return stream
}

/** Whether an error only says that the socket has closed, also for chunks that are written later. */
function isOfClose (error: Error): boolean {
  return [UncleanClose, NotOpen, ConnectionClosed].some((Kind) => error instanceof Kind)
}
