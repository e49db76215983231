/** The files that a command of the laboratory writes its results to, and the line that shows it at work. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Machine } from '../index.ts';
import { type Page, page } from '../report/index.ts';
import { createFile } from './files.ts';
import { Progress } from './progress.ts';
import { reasonOf, UserError } from './user-error.ts';

export interface ResultFlags {
  readonly json?: string;
  readonly report?: string;
}

export const addJsonOption = (command: Command): Command =>
  command.option('--json <file>', 'write the results as JSON too');
export const addReportOption = (command: Command): Command =>
  command.option('--report <file>', 'write a page with tables and plots, HTML, too');
/** Adds both options to a command. */
export const addResultOptions = (command: Command): Command => addReportOption(addJsonOption(command));

/** Files that can be written, before the work begins whose results they are for. */
export class ResultFiles {
  readonly #json: Destination | undefined;
  readonly #report: Destination | undefined;

  /** @throws UserError when one cannot be created */
  constructor({ json, report }: ResultFlags) {
    this.#json = json === undefined ? undefined : new Destination(json);
    this.#report = report === undefined ? undefined : new Destination(report);
  }
  /** @param makePage called only when a page is wanted @throws UserError */
  async write(results: unknown, makePage?: () => Page): Promise<void> {
    this.#json?.write(`${JSON.stringify(results, null, 2)}\n`);
    if (this.#report && makePage) this.#report.write(await page(makePage()));
  }
}

class Destination {
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = createFile(path);
  }
  write(text: string): void {
    try {
      writeFileSync(this.#descriptor, text);
    } catch (error) {
      throw new UserError(`${this.#path}: ${reasonOf(error)}`);
    }
  }
}

/**
 * Shows on the terminal that a machine runs, until the returned function is called, and lets Ctrl-C end the run
 * early: what is known by then is still reported. Asked a second time, the program ends at once.
 */
export const watchRun = (machine: Machine, what: string): (() => void) => {
  const progress = new Progress(process.stderr);
  progress.open(what);
  progress.watch({ instructions: () => machine.processor.retired, isBusy: () => true });
  const onInterrupt = () => machine.stop();
  process.once('SIGINT', onInterrupt);
  return () => {
    process.off('SIGINT', onInterrupt);
    progress.close();
  };
};
