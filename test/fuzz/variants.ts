/** The ways to run a case. All must leave the same: the engine, the technique and the cache are no business of the guest. */
import type { EngineName } from '../../src/machine/machine.ts';

export interface Variant {
  readonly name: string;
  readonly engine: EngineName;
  readonly technique: 'native' | 'bt' | 'hw' | 'hw+nested';
  /** Longest block in instructions. */
  readonly blockLength: number;
  /** Translation cache in bytes. */
  readonly cacheSize: number;
}

const ORDINARY = 256 << 10;
/** Room for a few blocks. */
const TINY = 10 << 10;

const variant = (
  engine: EngineName,
  technique: Variant['technique'],
  blockLength: number,
  cacheSize = ORDINARY,
): Variant => ({
  name: `${engine} ${technique} ${blockLength}${cacheSize === ORDINARY ? '' : ` ${cacheSize >> 10}K`}`,
  engine,
  technique,
  blockLength,
  cacheSize,
});

/**
 * What every case runs on first. Blocks are kept while the budget covers the longest: short ones are kept almost to
 * the end of a case.
 */
export const standard = variant('core', 'native', 12);
/** The same but for the engine: the only one that a case without coherent tables is compared with. */
export const counterpart = variant('reference', 'native', 12);
/** The others, in order of how often they are taken. */
export const others: readonly Variant[] = [
  variant('core', 'bt', 12),
  variant('core', 'native', 1),
  variant('core', 'bt', 32, TINY),
  variant('core', 'hw', 32),
  variant('core', 'native', 64, TINY),
  variant('reference', 'bt', 12),
  variant('core', 'hw+nested', 12),
  variant('reference', 'native', 1),
  variant('core', 'native', 32),
];
