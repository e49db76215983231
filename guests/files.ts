import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReadSource } from './assemble.ts';

/** This folder, also when the code runs from a bundle somewhere else in the package. */
function guestsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, 'guests');
}

/** Reads a guest's source from this folder in Node. `folder` overrides the place. */
export function sourcesIn(folder = guestsFolder()): ReadSource {
  return (path) => readFile(join(folder, path), 'utf8');
}

/** The console text that `guests/expected/<name>.txt` promises. */
export function readExpected(name: string, folder = guestsFolder()): Promise<string> {
  return readFile(join(folder, 'expected', `${name}.txt`), 'utf8');
}
