/** The file that a report goes to. */
import { closeSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Page } from '../report/index.ts';
import { createFile } from './files.ts';
import { reasonOf, UserError } from './user-error.ts';

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

/** Creates the file before the work begins that it is going to tell of. @throws UserError */
export const openReport = (path: string): ReportFile => {
  const file = createFile(path);
  return {
    async write(content) {
      const { page } = await import('../report/page.ts');
      const text = await page(content);
      try {
        writeFileSync(file, text);
        closeSync(file);
      } catch (error) {
        throw new UserError(`${path}: ${reasonOf(error)}`);
      }
    },
  };
};
