import { bt } from './bt.ts';
import type { Technique } from './technique.ts';

/**
 * Adaptive binary translation (Adams and Agesen, ASPLOS 2006, section 4): an innocuous instruction is left as it is
 * until it has trapped often, for it writes to page tables under a trace; then it is retranslated to one that tells
 * the monitor by itself. One that mostly writes elsewhere is taken back.
 */
export const btAdaptive: Technique = {
  ...bt,
  name: 'bt-adaptive',
  description: 'binary translation that adapts: instructions that keep trapping are retranslated',
  adaptation: { traps: 32, period: 1024, executions: 64, share: 0.25, instructions: 1024 },
};
