/** Files that the build makes and puts beside the program. */

import corePath from 'generated:core.wasm';
import helloPath from 'generated:hello.elf';
import { readFile } from 'node:fs/promises';

export interface GeneratedFiles {
  /** The interpreter core. */
  core(): Promise<Uint8Array<ArrayBuffer>>;
  /** The embedded guest, an ELF file. */
  hello(): Promise<Uint8Array<ArrayBuffer>>;
}

const read = (path: string) => readFile(new URL(path, import.meta.url));

export const generatedFiles: GeneratedFiles = { core: () => read(corePath), hello: () => read(helloPath) };
