/** `ringdown hello`: the embedded guest, and what its run was like. */
import { Command } from 'commander';
import type { GeneratedFiles } from './generated-files.ts';
import { addMachineOptions, type MachineFlags, planMachine } from './machine-options.ts';
import { addReportOption, type ReportFlags } from './report-file.ts';
import { runGuest } from './session.ts';

const MEMORY = 16 << 20;
/** The guest writes 0 to the debug exit port when all is well. */
const GOOD = 1;

/** @param finish is told the exit code: 0 when the guest found nothing wrong */
export const helloCommand = (generated: GeneratedFiles, finish: (exitCode: number) => void): Command =>
  addReportOption(
    addMachineOptions(
      new Command('hello').description('run the embedded guest; exits with 0 if it finds nothing wrong'),
    ),
  ).action(async (flags: MachineFlags & ReportFlags) => {
    const { report } = flags;
    const plan = planMachine({ memory: MEMORY, ...flags }, await generated.core());
    const exitCode = await runGuest({
      statistics: 'short',
      ...plan,
      name: 'hello',
      load: async () => ({ name: 'hello', kernel: await generated.hello() }),
      ...(report !== undefined && { report }),
    });
    finish(exitCode === GOOD ? 0 : exitCode);
  });
