/** What the host's compiler must be told. */
import { setFlagsFromString } from 'node:v8';

/**
 * The interpreter core is one large function, for which V8 falls back to a quick register allocator; the core
 * then runs a quarter slower. Only the V8 of Node 20 is known to have the option, and V8 complains on standard
 * error about options it does not know.
 */
export const tuneCompiler = (): void => {
  if (process.versions.v8.startsWith('11.')) {
    setFlagsFromString('--no-turbo-use-mid-tier-regalloc-for-huge-functions');
  }
};
