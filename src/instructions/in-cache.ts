/** Instructions that a technique may have executed in the translation cache, each with a counter of its own. */
import { State } from '../x86/state.ts';

/** By the names of their specs; at most 16. */
export const inCacheInstructions: readonly string[] = [
  'cli',
  'sti',
  'pushf',
  'popf',
  'rdtsc',
  'mov_to_sreg',
  'pop_sreg',
];

/** Address of an instruction's counter in the state. @throws Error for an instruction without one */
export const inCacheCounter = (name: string): number => {
  const index = inCacheInstructions.indexOf(name);
  if (index < 0) throw new Error(`executions of ${name} in the cache are not counted`);
  return State.IN_CACHE + 4 * index;
};
