/** The file that a report goes to. */
import type { Command } from 'commander';
import type { Page } from '../report/index.ts';
import { ResultFile } from './result-file.ts';

/** Adds the option to a command. */
export const addReportOption = (command: Command): Command =>
  command.option('--report <file>', 'write a report with plots: one HTML page that needs nothing else');

export interface ReportFlags {
  readonly report?: string;
}

export interface ReportFile {
  /** Writes the page; what draws it is loaded now. @throws UserError */
  write(page: Page): Promise<void>;
}

/** @throws UserError when the file cannot be written to */
export const openReport = (path: string): ReportFile => {
  const file = new ResultFile(path);
  return {
    async write(content) {
      const { page } = await import('../report/page.ts');
      file.write(await page(content));
    },
  };
};
