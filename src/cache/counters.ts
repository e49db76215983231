/** What the translation cache counts. Every figure is a plain event count since the machine was made. */
export interface CacheCounters {
  /** Blocks looked up by address: in the jump cache by the engine, then in the block table. */
  lookups: number;
  /** Lookups that found a block, in either. */
  hits: number;
  /** Hits whose block was longer than what was left to execute before an event: a part is translated for one time. */
  cut: number;
  /** Lookups the jump cache answered. */
  jumpCacheHits: number;
  /** Lookups that found no block: each ended in a translation, a passing translation or a fetch fault. */
  misses: number;
  /** Blocks translated for one execution and not kept. */
  passing: number;
  /** Lookups after which the code could not be fetched. */
  fetchFaults: number;
  /** Blocks translated to be kept, and of these the ones whose address had been translated before. */
  translations: number;
  retranslations: number;
  /** Guest instructions and bytes translated, and the records they became. */
  translatedInstructions: number;
  translatedBytes: number;
  records: number;
  /** Direct exits linked to their target. */
  links: number;
  /** Kept blocks thrown out for room, for a write to their code, and because the whole cache was emptied. */
  evictions: number;
  invalidations: number;
  flushed: number;
}

export const newCacheCounters = (): CacheCounters => ({
  lookups: 0,
  hits: 0,
  cut: 0,
  jumpCacheHits: 0,
  misses: 0,
  passing: 0,
  fetchFaults: 0,
  translations: 0,
  retranslations: 0,
  translatedInstructions: 0,
  translatedBytes: 0,
  records: 0,
  links: 0,
  evictions: 0,
  invalidations: 0,
  flushed: 0,
});
