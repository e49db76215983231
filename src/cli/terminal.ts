/** Standard input as the guest's keyboard: raw while the guest runs, as it was before afterwards. */
import type { ReadStream } from 'node:tty';
import { type EscapeCommand, EscapeKeys } from './escape-keys.ts';

export interface TerminalEvents {
  /** Bytes for the guest. */
  onInput(bytes: Uint8Array): void;
  onCommand(command: EscapeCommand): void;
  /** Bytes given to the guest that it has not read yet. */
  backlog(): number;
}

/** Unread bytes above which no more input is taken, and how often (milliseconds) to look whether they went. */
const FULL = 4096;
const LOOK_AGAIN = 20;

/** Input from a terminal, a pipe or a file. Its end is not the guest's end. */
export class Terminal {
  readonly #input: ReadStream;
  readonly #events: TerminalEvents;
  readonly #escapeKeys = new EscapeKeys();
  #waiting: NodeJS.Timeout | undefined;
  readonly #onData = (chunk: Uint8Array) => this.#take(chunk);
  /** After being stopped and continued by job control the terminal has the shell's mode. */
  readonly #onContinue = () => this.#input.setRawMode(true);
  readonly #restore = () => this.#input.setRawMode(false);

  constructor(input: ReadStream, events: TerminalEvents) {
    this.#input = input;
    this.#events = events;
  }

  /** Starts to take input. On a terminal, keys go to the guest one by one and unseen. */
  open(): void {
    const input = this.#input;
    if (input.isTTY) {
      input.setRawMode(true);
      // Whatever ends the process: an uncaught exception, process.exit or the end of all work.
      process.on('exit', this.#restore);
      process.on('SIGCONT', this.#onContinue);
    }
    input.on('data', this.#onData);
    // A terminal that hung up or a closed descriptor: no input, and nothing to report.
    input.on('error', () => {});
  }

  /** Gives the terminal back. */
  close(): void {
    const input = this.#input;
    clearTimeout(this.#waiting);
    input.off('data', this.#onData);
    input.pause();
    input.unref?.();
    if (!input.isTTY) return;
    this.#restore();
    process.off('exit', this.#restore);
    process.off('SIGCONT', this.#onContinue);
  }

  #take(chunk: Uint8Array): void {
    if (this.#input.isTTY) {
      for (const part of this.#escapeKeys.take(chunk)) {
        if (typeof part === 'string') this.#events.onCommand(part);
        else this.#events.onInput(part);
      }
    } else this.#events.onInput(chunk);
    if (this.#events.backlog() > FULL) {
      this.#input.pause();
      this.#resumeLater();
    }
  }
  #resumeLater(): void {
    this.#waiting = setTimeout(() => {
      if (this.#events.backlog() > FULL) this.#resumeLater();
      else this.#input.resume();
    }, LOOK_AGAIN);
  }
}
