/** `ringdown run`: a kernel from a file. */
import { Command } from 'commander';
import { ESCAPE_KEYS_HELP } from './escape-keys.ts';
import type { GeneratedFiles } from './generated-files.ts';
import { addImageOptions, type ImageFlags, kernelName, readImage } from './image-options.ts';
import { addLimitOptions, type LimitFlags, planLimits } from './limit-options.ts';
import { addMachineOptions, type MachineFlags, planMachine } from './machine-options.ts';
import { addReportOption, type ReportFlags } from './report-file.ts';
import { runGuest } from './session.ts';

type RunFlags = ImageFlags & MachineFlags & LimitFlags & ReportFlags;

const HELP = `
QEMU's spelling with one dash is understood: -kernel -initrd -append -m -serial -debugcon -device -nographic
-no-reboot -display -monitor.

Keys, when standard input is a terminal:
${ESCAPE_KEYS_HELP.replace(/^/gm, '  ')}`;

/** @param finish is told the exit code */
export const runCommand = (generated: GeneratedFiles, finish: (exitCode: number) => void): Command =>
  addReportOption(
    addLimitOptions(
      addMachineOptions(
        addImageOptions(
          new Command('run').description(
            'run a Linux bzImage or a Multiboot kernel; its console is this terminal',
          ),
        ),
      ),
    ),
  )
    .addHelpText('after', HELP)
    .action(async (argument: string | undefined, flags: RunFlags) => {
      const kernel = kernelName(argument, flags);
      const plan = planMachine(flags, await generated.core());
      const { report, until } = flags;
      finish(
        await runGuest({
          ...plan,
          name: kernel,
          load: () => readImage(kernel, flags),
          limits: planLimits(flags),
          ...(until !== undefined && { until }),
          ...(report !== undefined && { report }),
        }),
      );
    });
