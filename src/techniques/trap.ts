import { Treatment } from '../translator/encode.ts';
import { CR4 } from '../x86/registers.ts';
import { mmuVariants } from './mmu-variants.ts';
import { entersMonitor, maySilentlyLie } from './sensitive.ts';
import type { Technique } from './technique.ts';

/**
 * Naive trap-and-emulate. Only what the hardware's own interrupt table brings to the monitor gets there; the
 * sensitive instructions that do not trap are left to do what silicon does in the wrong ring.
 */
export const trap: Technique = {
  name: 'trap',
  description: 'naive trap-and-emulate: the guest kernel has ring 1, nothing is rewritten',
  kernelRing: 1,
  rewrites: false,
  variants: {
    ...mmuVariants,
    /** As monitors for processors without four usable rings do it: the guest's kernel and its users share one. */
    ring3: {
      description:
        'naive trap-and-emulate: the guest kernel has ring 3, as its users have; nothing is rewritten',
      kernelRing: 3,
    },
    /** SGDT, SIDT, SLDT, SMSW and STR trap outside ring 0 (SDM vol. 3, section 2.5, CR4.UMIP): five of seventeen. */
    umip: { processorCr4: CR4.UMIP },
    /** RDTSC traps outside ring 0 (SDM vol. 2, RDTSC). */
    tsd: { processorCr4: CR4.TSD },
  },
  treatment(instruction) {
    if (entersMonitor(instruction)) return Treatment.CALLOUT;
    return maySilentlyLie(instruction) ? Treatment.WITNESS : Treatment.IDENT;
  },
};
