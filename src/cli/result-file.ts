/** A file for results: known to be writable before the work begins, emptied only when there are results. */
import { closeSync, fstatSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { reasonOf, UserError } from './user-error.ts';

export class ResultFile {
  readonly #path: string;
  readonly #descriptor: number;

  /** @throws UserError when it can neither be opened nor created */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = this.#attempt(() => openSync(path, 'a'));
  }
  /** Writes all that it is going to have. @throws UserError */
  write(text: string): void {
    this.#attempt(() => {
      // Not what a pipe or a device can do.
      if (fstatSync(this.#descriptor).isFile()) ftruncateSync(this.#descriptor);
      writeFileSync(this.#descriptor, text);
      closeSync(this.#descriptor);
    });
  }
  #attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw new UserError(`${this.#path}: ${reasonOf(error)}`);
    }
  }
}
