/** `ringdown audit`: the sensitive and privileged instructions of a kernel. */
import { Command } from 'commander';
import { audit } from '../laboratory/audit.ts';
import { type ProfiledRun, runProfiled } from '../laboratory/profiled-run.ts';
import { auditPage } from '../report/audit-page.ts';
import { formatAudit } from './audit-text.ts';
import { ExitCode } from './exit-codes.ts';
import type { GeneratedFiles } from './generated-files.ts';
import { addImageOptions, type ImageFlags, kernelName, readImage } from './image-options.ts';
import { addLimitOptions, type LimitFlags, planLimits } from './limit-options.ts';
import {
  addHardwareOptions,
  addTechniqueOption,
  type HardwareFlags,
  planHardware,
  type TechniqueFlags,
} from './machine-options.ts';
import { addResultOptions, ResultFiles, type ResultFlags, watchRun } from './results.ts';
import { addSymbolOption, readSymbols, type SymbolFlags } from './symbol-options.ts';
import { parseWhole } from './values.ts';

interface AuditFlags extends ImageFlags, HardwareFlags, TechniqueFlags, LimitFlags, ResultFlags, SymbolFlags {
  readonly staticOnly?: boolean;
  readonly top: number;
}

const HELP = `
In the file, code is followed from its entry point and from symbols; the rest is swept from the first byte to the last,
which takes data for code where they are mixed, and may miss what lies behind data. The run counts every execution,
under the technique that is chosen. Ctrl-C ends the run; what was found by then is listed.`;

/** @param finish is told the exit code */
export const auditCommand = (generated: GeneratedFiles, finish: (exitCode: number) => void): Command =>
  addResultOptions(
    addTechniqueOption(
      addHardwareOptions(
        addLimitOptions(
          addSymbolOption(
            addImageOptions(
              new Command('audit').description(
                'list the sensitive and privileged instructions of a kernel, in its file and in a run of it',
              ),
            ),
          ),
        ),
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
      let run: ProfiledRun | undefined;
      if (!flags.staticOnly) {
        let close = () => {};
        run = await runProfiled({
          machine: planHardware(flags, await generated.core()),
          image,
          limits: planLimits(flags),
          ...(flags.until !== undefined && { until: flags.until }),
          onStart: (machine) => {
            close = watchRun(machine, kernel);
          },
        });
        close();
      }
      const result = await audit({ image, symbols, ...(run && { run }) });
      process.stdout.write(formatAudit(result, flags.top));
      await files.write(result, () => auditPage(result, flags.top));
      finish(ExitCode.ENDED);
    });
