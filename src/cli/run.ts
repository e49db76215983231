/** `ringdown run`: a kernel from a file. */
import { Command } from 'commander';
import type { KernelImage } from '../index.ts';
import { ESCAPE_KEYS_HELP } from './escape-keys.ts';
import { readModules, readWhole } from './files.ts';
import type { GeneratedFiles } from './generated-files.ts';
import { addMachineOptions, type MachineFlags, planMachine } from './machine-options.ts';
import { runGuest } from './session.ts';
import { UserError } from './user-error.ts';

interface RunFlags extends MachineFlags {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
}

const readImage = async (kernel: string, { initrd, append }: RunFlags): Promise<KernelImage> => {
  const [bytes, modules] = await Promise.all([
    readWhole(kernel),
    initrd === undefined ? undefined : readModules(initrd),
  ]);
  return {
    name: kernel,
    kernel: bytes,
    ...(append !== undefined && { append }),
    ...(modules && { modules }),
  };
};

const HELP = `
QEMU's spelling with one dash is understood: -kernel -initrd -append -m -serial -debugcon -device -nographic
-no-reboot -display -monitor.

Keys, when standard input is a terminal:
${ESCAPE_KEYS_HELP.replace(/^/gm, '  ')}`;

/** @param finish is told the exit code */
export const runCommand = (generated: GeneratedFiles, finish: (exitCode: number) => void): Command =>
  addMachineOptions(
    new Command('run')
      .description('run a Linux bzImage or a Multiboot kernel; its console is this terminal')
      .argument('[kernel]', 'the kernel file')
      .option('--kernel <file>', 'the same, spelled as for QEMU')
      .option('--initrd <file>', 'initial RAM disk, or Multiboot modules: FILE [ARGUMENTS][,FILE…]')
      .option('--append <text>', 'arguments for the kernel'),
  )
    .addHelpText('after', HELP)
    .action(async (argument: string | undefined, flags: RunFlags) => {
      if (argument !== undefined && flags.kernel !== undefined)
        throw new UserError(`two kernels are given: ${argument} and ${flags.kernel}`);
      const kernel = argument ?? flags.kernel;
      if (kernel === undefined) throw new UserError('no kernel is given; try ringdown --help');
      const plan = planMachine(flags, await generated.core());
      finish(await runGuest({ ...plan, name: kernel, load: () => readImage(kernel, flags) }));
    });
