import { detectKernel } from './detect.ts';
import type { EntryState, GuestMemory, LoadOptions } from './image.ts';
import { loadLinux } from './linux.ts';
import { loadMultiboot } from './multiboot.ts';

/**
 * Puts a kernel and what belongs to it into the guest's memory.
 * @param kernel the bytes of the kernel file: a Linux bzImage or a Multiboot kernel
 * @returns the processor state to start it with
 * @throws LoadError with a line for the user; memory may then be partly written
 */
export const loadKernel = (kernel: Uint8Array, options: LoadOptions, memory: GuestMemory): EntryState => {
  const kind = detectKernel(kernel, options.name);
  return kind.protocol === 'linux'
    ? loadLinux(kernel, options, memory)
    : loadMultiboot(kernel, kind.header, options, memory);
};
