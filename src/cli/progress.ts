/** A line on the terminal while nothing else happens there: loading, and long silent phases of the guest. */
import { styleText } from 'node:util';
import yoctoSpinner, { type Spinner } from 'yocto-spinner';

/** Milliseconds without output after which the line appears, and between its updates. */
const SILENCE = 1000;
const UPDATE = 250;

const NEWLINE = 0x0a;

export interface ProgressSource {
  /** Guest instructions so far. */
  instructions(): number;
  /** Whether the guest works, and does not just wait for a key or a timer. */
  isBusy(): boolean;
}

/** Without a terminal all of this does nothing. */
export class Progress {
  readonly #spinner: Spinner | undefined;
  #timer: NodeJS.Timeout | undefined;
  #source: ProgressSource | undefined;
  #quietSince = performance.now();
  /** The line would overwrite what the guest has left on the cursor's line, such as a prompt. */
  #atLineStart = true;

  constructor(stream: NodeJS.WriteStream) {
    if (!stream.isTTY) return;
    // Signals are handled where the terminal is.
    this.#spinner = yoctoSpinner({ stream, handleSignals: false });
  }

  /** Starts to watch. */
  open(text: string): void {
    if (!this.#spinner) return;
    this.#timer = setInterval(() => this.#update(text), UPDATE);
    this.#timer.unref();
  }
  /** From now on the guest runs. */
  watch(source: ProgressSource): void {
    this.#source = source;
    this.#quietSince = performance.now();
  }
  /** The guest's output goes to the same terminal. */
  output(bytes: Uint8Array): void {
    if (!this.#spinner) return;
    this.#quietSince = performance.now();
    this.#atLineStart = bytes.at(-1) === NEWLINE;
    this.#spinner.stop();
  }
  /** The user has pressed a key. */
  input(): void {
    this.#quietSince = performance.now();
    this.#spinner?.stop();
  }
  close(): void {
    clearInterval(this.#timer);
    this.#spinner?.stop();
  }

  #update(text: string): void {
    const spinner = this.#spinner!;
    const quiet = performance.now() - this.#quietSince;
    const busy = this.#source?.isBusy() ?? true;
    if (quiet < SILENCE || !this.#atLineStart || !busy) {
      spinner.stop();
      return;
    }
    const seconds = Math.floor(quiet / 1000);
    const done = this.#source ? `, ${millions(this.#source.instructions())} million instructions` : '';
    const line = styleText('dim', `${text}: no output for ${seconds} s${done}`);
    // Setting the text draws it, even before the start.
    if (spinner.isSpinning) spinner.text = line;
    else spinner.start(line);
  }
}

/** A line that says how far something is which prints nothing until its end. Without a terminal there is none. */
export class StatusLine {
  readonly #spinner: Spinner | undefined;

  constructor(stream: NodeJS.WriteStream) {
    if (stream.isTTY) this.#spinner = yoctoSpinner({ stream, handleSignals: false });
  }
  show(text: string): void {
    const spinner = this.#spinner;
    if (!spinner) return;
    const line = styleText('dim', text);
    if (spinner.isSpinning) spinner.text = line;
    else spinner.start(line);
  }
  close(): void {
    this.#spinner?.stop();
  }
}

const millions = (count: number): string => Math.floor(count / 1e6).toLocaleString('en');
