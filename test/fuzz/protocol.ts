/** What the main thread and the worker tell each other. */
import type { ContestOptions } from './contest.ts';
import type { Found, Tally } from './session.ts';

export interface Orders extends ContestOptions {
  readonly seed: number;
  /** Index of the first case. */
  readonly first: number;
  /** Date.now() at which to end. */
  readonly end: number;
  /** Words of `Beat`, shared. */
  readonly beats: SharedArrayBuffer;
}

/** Words of the shared memory: the case that runs, and a counter that grows with every run. */
export const Beat = { INDEX: 0, COUNT: 1, LENGTH: 2 } as const;

export type Message =
  | { readonly kind: 'progress'; readonly tally: Tally }
  | { readonly kind: 'done'; readonly tally: Tally }
  | { readonly kind: 'memory'; readonly bytes: number }
  | { readonly kind: 'found'; readonly found: Found };

/** The seed of a case by the run's seed and the case's index. */
export const caseSeed = (seed: number, index: number): number => (Math.imul(seed, 0x01000193) + index) >>> 0;
