import { connect as connectNet, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { ANSWER_TIMEOUT, startAnswerTimeout } from './answer-timeout.js'

export interface Target {
  readonly port: number
  readonly path: string
  readonly tls: boolean
  /** The value of Sec-WebSocket-Extensions, or ''. */
  readonly extensions: string
}

// All connections read into the same buffer, and keep no reference to it.
const buffer = Buffer.allocUnsafeSlow(256 * 1024)

// The source address of new connections; undefined is the default address.
let sourceAddress: string | undefined
let addresses = 1

/**
 * Switches to another source address when the ports of one have run out. Only on Linux do all addresses of 127.0.0.0/8
 * belong to the loopback interface.
 */
function useNextAddress (exhausted: string | undefined): boolean {
  if (exhausted !== sourceAddress) return true
  if (process.platform !== 'linux' || addresses === 254) return false
  sourceAddress = `127.0.0.${++addresses}`
  return true
}

const HEAD_END = '\r\n\r\n'

/** The request of a handshake, with the key of RFC 6455 §1.3. */
export function handshakeRequest ({ port, path, extensions }: Target): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
    (extensions === '' ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`) + '\r\n')
}

/**
 * A raw socket that has done a handshake. All bytes that arrive later go to `onBytes`:
 *
 *   handshake ──101──▶ open, `onBytes` is called ──▶ closed, by `close()` or with a failure
 */
export class Connection {
  readonly socket: Socket
  /** The head of the response. */
  head = ''
  /** Receives the bytes in a buffer that the next read overwrites. */
  onBytes: (length: number, bytes: Buffer) => void
  #fail: (error: Error) => void
  /** For the load: how many bytes of the current answers have arrived, and when their messages were sent. */
  received = 0
  since = 0

  private constructor (
    target: Target, request: Buffer, localAddress: string | undefined, opened: (connection: Connection) => void,
    failed: (error: Error) => void
  ) {
    this.onBytes = (length, bytes) => { this.#readHead(bytes.toString('latin1', 0, length), opened) }
    this.#fail = failed
    const onread: OnReadOpts = {
      buffer,
      callback: (length) => {
        this.onBytes(length, buffer)
        return true
      }
    }
    const options = {
      host: '127.0.0.1', port: target.port, onread, ...(localAddress === undefined ? {} : { localAddress })
    }
    const socket = target.tls ? connectTls({ ...options, rejectUnauthorized: false }) : connectNet(options)
    socket.setNoDelay(true)
    socket.once(target.tls ? 'secureConnect' : 'connect', () => { socket.write(request) })
    socket.on('error', (error) => { this.#fail(error) })
    socket.on('close', () => { this.#fail(new Error('the server closed a connection')) })
    this.socket = socket
  }

  static async open (target: Target, request: Buffer): Promise<Connection> {
    for (;;) {
      const localAddress = sourceAddress
      try {
        return await new Promise((resolve, reject) => {
          // eslint-disable-next-line no-new
          new Connection(target, request, localAddress, resolve, reject)
        })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL' || !useNextAddress(localAddress)) throw error
      }
    }
  }

  /** Sets the callback for a connection that fails or closes. In a benchmark, none may. */
  onFailure (fail: (error: Error) => void): void {
    this.#fail = fail
  }

  close (): void {
    this.#fail = () => {}
    this.socket.destroy()
  }

  /** Sends bytes, and collects the answer until `isWhole` returns true. */
  async converse (bytes: Buffer, isWhole: (answer: Buffer) => boolean): Promise<Buffer> {
    return await new Promise((resolve, reject) => {
      const pieces: Buffer[] = []
      const end = startAnswerTimeout(() => { reject(new Error(`no complete answer within ${ANSWER_TIMEOUT} s`)) })
      this.#fail = reject
      this.onBytes = (length, piece) => {
        pieces.push(Buffer.from(piece.subarray(0, length)))
        const answer = Buffer.concat(pieces)
        if (!isWhole(answer)) return
        end()
        resolve(answer)
      }
      if (bytes.length > 0) this.socket.write(bytes)
    })
  }

  #readHead (text: string, opened: (connection: Connection) => void): void {
    this.head += text
    const end = this.head.indexOf(HEAD_END)
    if (end < 0) return
    if (!this.head.startsWith('HTTP/1.1 101 ')) {
      this.#fail(new Error(`the handshake was answered with ${this.head.slice(0, end)}`))
    } else if (this.head.length > end + HEAD_END.length) {
      this.#fail(new Error('the server sent bytes after its handshake'))
    } else opened(this)
  }
}
