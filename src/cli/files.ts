/** The files a run is given and the files it writes. */
import { existsSync, openSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { BootModule } from '../index.ts';
import { type ModuleRequest, parseModuleList } from '../loader/modules.ts';
import { reasonOf, UserError } from './user-error.ts';

/** More than any guest can hold. */
const LARGEST_FILE = 2 ** 31;

/** Reads a whole file, or a pipe to its end. @throws UserError */
export const readWhole = async (path: string): Promise<Uint8Array> => {
  try {
    const status = await stat(path);
    if (status.isDirectory()) throw new UserError(`${path}: is a directory`);
    if (!status.isFile() && !status.isFIFO()) throw new UserError(`${path}: is neither a file nor a pipe`);
    if (status.size > LARGEST_FILE) throw new UserError(`${path}: is larger than 2 GiB`);
    return await readFile(path);
  } catch (error) {
    throw error instanceof UserError ? error : new UserError(`${path}: ${reasonOf(error)}`);
  }
};

/** Creates a file, or empties it. @returns its descriptor @throws UserError */
export const createFile = (path: string): number => {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new UserError(`${path}: ${reasonOf(error)}`);
  }
};

/**
 * Reads what `-initrd` names: one file, or a list of modules with arguments. A file of the whole name goes first,
 * so that commas and spaces in a name need no thought.
 * @throws UserError
 */
export const readModules = async (list: string): Promise<BootModule[]> => {
  const whole: ModuleRequest = { file: list, commandLine: list };
  const requests = existsSync(list) ? [whole] : parseModuleList(list);
  if (requests.length === 0) throw new UserError('--initrd: no file is named');
  return Promise.all(
    requests.map(async ({ file, commandLine }) => ({
      name: file,
      bytes: await readWhole(file),
      commandLine,
    })),
  );
};
