import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReadSource } from './assemble.ts';

/** This folder, also when the code runs from a bundle in a folder next to it (such as `dist/`). */
function guestsFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return basename(here) === 'guests' ? here : join(here, '..', 'guests');
}

/** Reads a guest's source from this folder in Node. `folder` overrides the place. */
export function sourcesIn(folder = guestsFolder()): ReadSource {
  return (path) => readFile(join(folder, path), 'utf8');
}

/** The console text that `guests/expected/<name>.txt` promises. */
export function readExpected(name: string, folder = guestsFolder()): Promise<string> {
  return readFile(join(folder, 'expected', `${name}.txt`), 'utf8');
}
