/** The guest's character devices and our own messages on the streams of this process. */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ByteSink } from './byte-sink.ts';
import { ESCAPE_KEYS_HELP } from './escape-keys.ts';
import { createFile } from './files.ts';
import type { Plan } from './plan.ts';
import { Progress, type ProgressSource } from './progress.ts';
import { Terminal } from './terminal.ts';
import { oneLine, reasonOf, UserError } from './user-error.ts';
import type { CharacterDevice } from './values.ts';

const NEWLINE = 0x0a;
/** Output that may wait for a slow reader, in bytes. */
const LARGEST_BACKLOG = 64 << 20;
/** Milliseconds for which the last output is waited for when the run was ended from outside. */
const PATIENCE = 1000;

export interface ConsoleEvents {
  /** Keys for the guest. @param port 0 for COM1 */
  onInput(port: number, bytes: Uint8Array): void;
  onBreak(port: number): void;
  /** The user wants to leave. */
  onQuit(): void;
  /** Output cannot be written any more. */
  onFailure(error: UserError | 'broken-pipe'): void;
  /** Bytes sent to the port that the guest has not taken. */
  backlog(port: number): number;
}

export class Console {
  readonly #events: ConsoleEvents;
  readonly #sinks: ByteSink[] = [];
  readonly #serial: readonly (ByteSink | undefined)[];
  readonly #debug: ByteSink | undefined;
  readonly #terminal: Terminal | undefined;
  readonly #progress = new Progress(process.stderr);
  #standardOutput: ByteSink | undefined;
  #atLineStart = true;

  /** Opens all files. @throws UserError */
  constructor(plan: Plan, events: ConsoleEvents) {
    this.#events = events;
    // Nobody reads our messages: no reason to end.
    process.stderr.on('error', () => {});
    this.#serial = plan.serial.map((device) => this.#sink(device));
    this.#debug = this.#sink(plan.debugConsole);
    const port = plan.serial.findIndex(({ kind }) => kind === 'stdio');
    if (port >= 0) {
      this.#terminal = new Terminal(process.stdin, {
        onInput: (bytes) => {
          this.#progress.input();
          events.onInput(port, bytes);
        },
        onCommand: (command) => {
          if (command === 'quit') events.onQuit();
          else if (command === 'break') events.onBreak(port);
          else this.write(`${ESCAPE_KEYS_HELP}\n`);
        },
        backlog: () => events.backlog(port),
      });
    }
    this.#progress.open(plan.name);
  }

  #sink(device: CharacterDevice): ByteSink | undefined {
    switch (device.kind) {
      case 'null':
        return undefined;
      case 'file':
        return this.#sinkTo(createWriteStream('', { fd: createFile(device.path) }), device.path);
      case 'stdio':
        this.#standardOutput ??= this.#sinkTo(process.stdout, 'standard output', (bytes) => {
          this.#progress.output(bytes);
          this.#atLineStart = bytes.at(-1) === NEWLINE;
        });
        return this.#standardOutput;
    }
  }
  #sinkTo(stream: Writable, name: string, onWrite?: (bytes: Uint8Array) => void): ByteSink {
    const sink = new ByteSink(stream, {
      onWrite: (bytes) => {
        onWrite?.(bytes);
        if (sink.backlog > LARGEST_BACKLOG)
          this.#events.onFailure(
            new UserError(`${name}: its reader is too slow, ${LARGEST_BACKLOG >> 20} MiB wait`),
          );
      },
      onError: (error) =>
        this.#events.onFailure(
          error.code === 'EPIPE' ? 'broken-pipe' : new UserError(`${name}: ${reasonOf(error)}`),
        ),
    });
    this.#sinks.push(sink);
    return sink;
  }

  /** A byte that the guest sent. */
  serial(port: number, byte: number): void {
    this.#serial[port]?.put(byte);
  }
  debug(byte: number): void {
    this.#debug?.put(byte);
  }

  /** The guest starts now: keys go to it. */
  attach(source: ProgressSource): void {
    this.#terminal?.open();
    this.#progress.watch(source);
  }
  /** Gives the terminal back and waits until all output is written. @param patient wait as long as it takes */
  async close(patient: boolean): Promise<void> {
    this.#progress.close();
    this.#terminal?.close();
    const drained = Promise.all(this.#sinks.map((sink) => sink.drain()));
    await (patient ? drained : Promise.race([drained, delay(PATIENCE)]));
  }

  /** Writes whole lines to standard error, below what the guest has written so far. */
  write(text: string): void {
    this.#standardOutput?.flush();
    const shared = process.stdout.isTTY && process.stderr.isTTY;
    process.stderr.write(shared && !this.#atLineStart ? `\n${text}` : text);
    if (shared) this.#atLineStart = true;
  }
  /** One line for the user. */
  report(message: string): void {
    this.write(`ringdown: ${oneLine(message)}\n`);
  }
}
