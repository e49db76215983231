/** Shows how the runs of a comparison get on: a line for each on a terminal, else a line when one ends. */
import { styleText } from 'node:util';
import yoctoSpinner, { type Spinner } from 'yocto-spinner';
import type { RunReport } from '../laboratory/run.ts';
import { describeEnd } from '../laboratory/verdict.ts';
import type { PoolEvents } from './comparison-pool.ts';
import { oneLine } from './user-error.ts';

const instructions = (n: number): string =>
  n < 1e7
    ? `${n.toLocaleString('en')} instructions`
    : `${Math.floor(n / 1e6).toLocaleString('en')} million instructions`;

export class ComparisonProgress implements PoolEvents {
  readonly #spinner: Spinner | undefined;
  readonly #lines = new Map<string, string>();
  readonly #width: number;

  constructor(stream: NodeJS.WriteStream, techniques: readonly string[]) {
    this.#width = Math.max(...techniques.map(({ length }) => length));
    for (const technique of techniques) this.#lines.set(technique, 'waits');
    // Signals are handled where the runs are.
    if (stream.isTTY) this.#spinner = yoctoSpinner({ stream, handleSignals: false }).start(this.#text);
  }
  get #text(): string {
    const lines = [...this.#lines].map(([technique, line]) => `${technique.padEnd(this.#width)}  ${line}`);
    return styleText('dim', lines.join('\n  '));
  }
  #set(technique: string, line: string): void {
    this.#lines.set(technique, line);
    if (this.#spinner) this.#spinner.text = this.#text;
  }

  onStart(technique: string): void {
    this.#set(technique, 'starts');
  }
  onProgress(technique: string, retired: number): void {
    this.#set(technique, instructions(retired));
  }
  onReport({ technique, end, statistics }: RunReport): void {
    const line = oneLine(
      `${describeEnd(end)}${statistics ? `, ${instructions(statistics.instructions)}` : ''}`,
    );
    this.#set(technique, line);
    if (!this.#spinner) process.stderr.write(`${technique.padEnd(this.#width)}  ${line}\n`);
  }
  close(): void {
    this.#spinner?.stop();
  }
}
