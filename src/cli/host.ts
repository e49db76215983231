/** What the host's compiler must be told. */
import { setFlagsFromString } from 'node:v8';

/**
 * The interpreter core is one large function, for which V8 falls back to a quick register allocator: the core
 * then runs a quarter slower. And a boot is mostly code that runs a few times, ours as well as the guest's: it
 * should reach V8's baseline compiler at once. Only the V8 of Node 20 is known to have these options, and V8
 * complains on standard error about options it does not know.
 */
const OPTIONS = [
  '--no-turbo-use-mid-tier-regalloc-for-huge-functions',
  '--always-sparkplug',
  '--no-lazy-feedback-allocation',
];

export const tuneCompiler = (): void => {
  if (!process.versions.v8.startsWith('11.')) return;
  for (const option of OPTIONS) setFlagsFromString(option);
};
