/** The option that says where a kernel's symbols are. */
import type { Command } from 'commander';
import type { KernelImage } from '../index.ts';
import { readSymbolFile, type SymbolTable, symbolsOfKernel } from '../laboratory/symbols.ts';
import { readWhole } from './files.ts';

export interface SymbolFlags {
  readonly symbols?: string;
}

export const addSymbolOption = (command: Command): Command =>
  command.option(
    '--symbols <file>',
    'names of addresses: System.map, a copy of /proc/kallsyms, or an ELF file',
  );

/** The named file's symbols, or those in the kernel's own. @throws UserError or LoadError */
export const readSymbols = async (image: KernelImage, { symbols }: SymbolFlags): Promise<SymbolTable> =>
  symbols === undefined
    ? symbolsOfKernel(image.kernel, image.name)
    : readSymbolFile(await readWhole(symbols), symbols);
