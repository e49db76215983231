/** What commands have in common that look at a run whose every instruction was counted. */
import type { Command } from 'commander';
import type { KernelImage } from '../index.ts';
import { type ProfiledRun, runProfiled } from '../laboratory/profiled-run.ts';
import type { GeneratedFiles } from './generated-files.ts';
import { addImageOptions, type ImageFlags } from './image-options.ts';
import { addLimitOptions, type LimitFlags, planLimits } from './limit-options.ts';
import {
  addHardwareOptions,
  addTechniqueOption,
  type HardwareFlags,
  planHardware,
  type TechniqueFlags,
} from './machine-options.ts';
import { addJsonOption, type ResultFlags, watchRun } from './results.ts';
import { addSymbolOption, type SymbolFlags } from './symbol-options.ts';

export interface ProfiledFlags
  extends ImageFlags,
    HardwareFlags,
    TechniqueFlags,
    LimitFlags,
    ResultFlags,
    SymbolFlags {}

const groups = [
  addImageOptions,
  addSymbolOption,
  addLimitOptions,
  addTechniqueOption,
  addHardwareOptions,
  addJsonOption,
];

/** Adds the guest, its symbols, the machine, the limits of the run and the file for its results to a command. */
export const addProfiledOptions = (command: Command): Command =>
  groups.reduce((its, add) => add(its), command);

/** Runs the guest to its end or a limit, with a line that shows it on a terminal. @throws UserError or LoadError */
export const runAsPlanned = async (
  image: KernelImage,
  flags: ProfiledFlags,
  generated: GeneratedFiles,
): Promise<ProfiledRun> => {
  let close = () => {};
  try {
    return await runProfiled({
      machine: planHardware(flags, await generated.core()),
      image,
      limits: planLimits(flags),
      ...(flags.until !== undefined && { until: flags.until }),
      onStart: (machine) => {
        close = watchRun(machine, image.name);
      },
    });
  } finally {
    close();
  }
};
