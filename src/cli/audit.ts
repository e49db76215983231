/** `ringdown audit`: the sensitive and privileged instructions of a kernel. */
import { Command } from 'commander';
import { audit } from '../laboratory/audit.ts';
import { auditPage } from '../report/index.ts';
import { formatAudit } from './audit-text.ts';
import { ExitCode } from './exit-codes.ts';
import type { GeneratedFiles } from './generated-files.ts';
import { kernelName, readImage } from './image-options.ts';
import { addProfiledOptions, type ProfiledFlags, runAsPlanned } from './profiled.ts';
import { addReportOption } from './report-file.ts';
import { ResultFiles } from './results.ts';
import { readSymbols } from './symbol-options.ts';
import { parseWhole } from './values.ts';

interface AuditFlags extends ProfiledFlags {
  readonly staticOnly?: boolean;
  readonly top: number;
}

const HELP = `
In the file, code is followed from its entry point and from symbols; the rest is swept from the first byte to the last,
which takes data for code where they are mixed, and may miss what lies behind data. The run counts every execution,
under the technique that is chosen. Ctrl-C ends the run; what was found by then is listed.`;

/** @param finish is told the exit code */
export const auditCommand = (generated: GeneratedFiles, finish: (exitCode: number) => void): Command =>
  addReportOption(
    addProfiledOptions(
      new Command('audit').description(
        'list the sensitive and privileged instructions of a kernel, in its file and in a run of it',
      ),
    ),
  )
    .option('--static-only', 'read the file and do not run it')
    .option('--top <n>', 'addresses that are listed', parseWhole, 40)
    .addHelpText('after', HELP)
    .action(async (argument: string | undefined, flags: AuditFlags) => {
      const kernel = kernelName(argument, flags);
      const image = await readImage(kernel, flags);
      const symbols = await readSymbols(image, flags);
      const files = new ResultFiles(flags);
      const run = flags.staticOnly ? undefined : await runAsPlanned(image, flags, generated);
      const result = await audit({ image, symbols, ...(run && { run }) });
      process.stdout.write(formatAudit(result, flags.top));
      await files.write(result, () => auditPage(result, flags.top));
      finish(ExitCode.ENDED);
    });
