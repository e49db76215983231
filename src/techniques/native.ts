import { Treatment } from '../translator/encode.ts';
import type { Technique } from './technique.ts';

export const native: Technique = {
  name: 'native',
  description: 'no monitor: the guest kernel has ring 0, the reference for all others',
  kernelRing: null,
  rewrites: false,
  treatment: () => Treatment.IDENT,
};
