import { TaskQueue } from '../protocol/task-queue.js'

/** Sends Blobs, which are read asynchronously: everything sent after one waits for it. Created at the first Blob. */
export class Blobs {
  readonly #tasks = new TaskQueue()
  readonly #fail: (error: unknown) => void

  /** @param fail called with errors of tasks, and of reading a Blob without a callback */
  constructor (fail: (error: unknown) => void) {
    this.#fail = fail
  }

  /** Whether a Blob is being read, so messages have to wait. */
  get isReading (): boolean {
    return this.#tasks.isHeld
  }

  /** Runs a task after all Blobs before it have been sent. */
  inTurn (task: () => void): void {
    this.#tasks.run(() => { this.#contain(task) })
  }

  /** Reads a Blob after those before it. */
  read (blob: Blob, done: (bytes: Buffer) => void, failed: (error: Error) => void = this.#fail): void {
    this.#tasks.run(() => {
      this.#tasks.hold()
      // A Blob of a test environment may throw, or return something else.
      new Promise<ArrayBuffer>((resolve) => { resolve(blob.arrayBuffer()) })
        .then((bytes) => { this.#contain(() => { done(Buffer.from(bytes)) }) },
          (error: Error) => { this.#contain(() => { failed(error) }) })
        .finally(() => { this.#tasks.release() })
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
