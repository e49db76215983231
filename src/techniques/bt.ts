import { Treatment } from '../translator/encode.ts';
import { mmuVariants } from './mmu-variants.ts';
import { isInCache, isSensitive } from './sensitive.ts';
import type { Technique } from './technique.ts';

/**
 * Binary translation. Kernel code is rewritten: flags and segment reads in the cache, the rest by callout.
 * User code runs directly; the few instructions there that would see the monitor, or that enter the kernel,
 * go to the monitor too.
 */
export const bt: Technique = {
  name: 'bt',
  description: 'binary translation: the guest kernel has ring 1, sensitive instructions are rewritten',
  kernelRing: 1,
  rewrites: true,
  treatment(instruction, kernel) {
    if (isInCache(instruction, kernel)) return Treatment.IN_CACHE;
    return isSensitive(instruction) ? Treatment.CALLOUT : Treatment.IDENT;
  },
  variants: mmuVariants,
};
