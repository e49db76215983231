/** The options that say which guest is run. */
import type { Command } from 'commander';
import type { KernelImage } from '../index.ts';
import { readModules, readWhole } from './files.ts';
import { UserError } from './user-error.ts';

export interface ImageFlags {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
}

/** Adds the kernel's argument and options to a command. */
export const addImageOptions = (command: Command): Command =>
  command
    .argument('[kernel]', 'the kernel file')
    .option('--kernel <file>', 'the same, spelled as for QEMU')
    .option('--initrd <file>', 'initial RAM disk, or Multiboot modules: FILE [ARGUMENTS][,FILE…]')
    .option('--append <text>', 'arguments for the kernel');

/** The kernel's file name. @throws UserError when there is none, or more than one */
export const kernelName = (argument: string | undefined, { kernel }: ImageFlags): string => {
  if (argument !== undefined && kernel !== undefined)
    throw new UserError(`two kernels are given: ${argument} and ${kernel}`);
  const name = argument ?? kernel;
  if (name === undefined) throw new UserError('no kernel is given; try ringdown --help');
  return name;
};

/** Reads the kernel and its modules. @throws UserError */
export const readImage = async (kernel: string, { initrd, append }: ImageFlags): Promise<KernelImage> => {
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
