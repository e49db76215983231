import { JUMP_CACHE_BASE, JUMP_CACHE_ENTRIES, JUMP_CACHE_ENTRY_SIZE } from './layout.ts';

/** Address of the jump-cache entry for code at a biased address in linear memory. */
export const jumpCacheEntry = (address: number): number =>
  JUMP_CACHE_BASE + ((address ^ (address >>> 12)) & (JUMP_CACHE_ENTRIES - 1)) * JUMP_CACHE_ENTRY_SIZE;
