/** How a monitor virtualises memory: variants of every technique that has one. */
import type { Technique } from './technique.ts';

export const mmuVariants = {
  vtlb: { mmu: 'vtlb', description: 'as without +vtlb, and shadow page tables are emptied as a TLB is' },
} as const satisfies Exclude<Technique['variants'], undefined>;
