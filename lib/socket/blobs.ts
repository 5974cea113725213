import { TaskQueue } from '../protocol/task-queue.js'

/** Blobs that are sent: their bytes come later, so what is sent behind one waits for it. A socket has this from its first Blob on. */
export class Blobs {
  readonly #outbox = new TaskQueue()
  readonly #fail: (error: unknown) => void

  /** @param fail gets what a task throws, or a Blob that cannot be read, where nobody else is told */
  constructor (fail: (error: unknown) => void) {
    this.#fail = fail
  }

  /** Whether what is sent has to wait. */
  get isReading (): boolean {
    return this.#outbox.isHeld
  }

  /** Does something when all Blobs before it have been sent. */
  inTurn (task: () => void): void {
    this.#outbox.run(() => { this.#contain(task) })
  }

  /** Reads a Blob, in its turn. */
  read (blob: Blob, done: (bytes: Buffer) => void, failed: (error: Error) => void = this.#fail): void {
    this.#outbox.run(() => {
      this.#outbox.hold()
      blob.arrayBuffer()
        .then((bytes) => { this.#contain(() => { done(Buffer.from(bytes)) }) },
          (error: Error) => { this.#contain(() => { failed(error) }) })
        .finally(() => { this.#outbox.release() })
    })
  }

  #contain (task: () => void): void {
    try {
      task()
    } catch (error) {
      this.#fail(error)
    }
  }
}
