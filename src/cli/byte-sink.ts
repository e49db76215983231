/** Output that comes byte by byte and leaves in large writes. */
import type { Writable } from 'node:stream';

const BUFFER_SIZE = 0x4000;

export interface ByteSinkEvents {
  /** Something is about to be written. */
  onWrite?(bytes: Uint8Array): void;
  /** The stream takes nothing any more; what is put is dropped from now on. */
  onError(error: NodeJS.ErrnoException): void;
}

/** Collects the bytes of one turn of the event loop and writes them together. */
export class ByteSink {
  readonly #stream: Writable;
  readonly #events: ByteSinkEvents;
  #buffer = Buffer.allocUnsafe(BUFFER_SIZE);
  #length = 0;
  #scheduled = false;
  #failed = false;

  constructor(stream: Writable, events: ByteSinkEvents) {
    this.#stream = stream;
    this.#events = events;
    stream.on('error', (error) => {
      if (this.#failed) return;
      this.#failed = true;
      events.onError(error);
    });
  }

  /** Bytes that the stream has not passed on yet. */
  get backlog(): number {
    return this.#length + this.#stream.writableLength;
  }

  put(byte: number): void {
    this.#buffer[this.#length++] = byte;
    if (this.#length === BUFFER_SIZE) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
  }

  /** Hands everything to the stream. */
  flush(): void {
    if (this.#length === 0) return;
    // The stream may keep what it is given until much later.
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    if (this.#failed) return;
    this.#events.onWrite?.(bytes);
    this.#stream.write(bytes);
  }

  /** Flushes and waits until the system has everything, or will never take it. */
  async drain(): Promise<void> {
    this.flush();
    if (this.#failed || this.#stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('error', () => resolve());
      this.#stream.write('', () => resolve());
    });
  }
}
