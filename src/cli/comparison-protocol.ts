/** What the threads of a comparison say to each other. */
import type { RunReport } from '../laboratory/run.ts';

/** To a thread that runs a guest. */
export type Order =
  /** The reference has ended: go on to at most so many instructions. */
  | { readonly kind: 'restrict'; readonly instructions: number }
  /** The user, or the time limit, ends the run. */
  | { readonly kind: 'interrupt' };

/** From such a thread. */
export type Message =
  | { readonly kind: 'progress'; readonly instructions: number }
  | { readonly kind: 'report'; readonly report: RunReport };
