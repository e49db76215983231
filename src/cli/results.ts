/** The files that a command of the laboratory writes its results to, and the line that shows it at work. */
import type { Command } from 'commander';
import type { Machine } from '../index.ts';
import type { Page } from '../report/index.ts';
import { Progress } from './progress.ts';
import { addReportOption, openReport, type ReportFile, type ReportFlags } from './report-file.ts';
import { ResultFile } from './result-file.ts';

export interface ResultFlags extends ReportFlags {
  readonly json?: string;
}

export const addJsonOption = (command: Command): Command =>
  command.option('--json <file>', 'write the results as JSON too');
/** Adds both options to a command. */
export const addResultOptions = (command: Command): Command => addReportOption(addJsonOption(command));

/** Files that can be written, before the work begins whose results they are for. */
export class ResultFiles {
  readonly #json: ResultFile | undefined;
  readonly #report: ReportFile | undefined;

  /** @throws UserError when one cannot be created */
  constructor({ json, report }: ResultFlags) {
    this.#json = json === undefined ? undefined : new ResultFile(json);
    this.#report = report === undefined ? undefined : openReport(report);
  }
  /** @param makePage called only when a page is wanted @throws UserError */
  async write(results: unknown, makePage?: () => Page): Promise<void> {
    this.#json?.write(`${JSON.stringify(results, null, 2)}\n`);
    if (makePage) await this.#report?.write(makePage());
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
