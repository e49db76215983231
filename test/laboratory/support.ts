/** Guests for tests of the laboratory. */
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import type { KernelImage } from '../../src/index.ts';

/** A guest of the index. */
export const guestImage = async (name: string): Promise<KernelImage> => ({
  name,
  kernel: (await buildGuest(name, sourcesIn())).image,
});

/** A guest that consists of a library's start and a few lines. */
export const inlineImage = async (main: string): Promise<KernelImage> => {
  const library = sourcesIn();
  const source = `.include "lib/start.s"\nmain:\n${main}\n`;
  const read = (path: string) => (path === 'inline.s' ? Promise.resolve(source) : library(path));
  return { name: 'inline', kernel: (await buildGuest('inline', read)).image };
};
