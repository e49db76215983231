/** What the translation cache counts. Every figure is a plain event count since the machine was made. */
export interface CacheCounters {
  /** Blocks looked up by address: in the jump cache by the engine, then in the block table. */
  lookups: number;
  /** Lookups that found a block, in either. */
  hits: number;
  /** Lookups the jump cache answered. */
  jumpCacheHits: number;
  /** Blocks translated, and of these the ones whose address had been translated before. */
  translations: number;
  retranslations: number;
  /** Guest instructions and bytes translated, and the records they became. */
  translatedInstructions: number;
  translatedBytes: number;
  records: number;
  /** Direct exits linked to their target. */
  links: number;
  /** Blocks thrown out for room, and for a write to their code. */
  evictions: number;
  invalidations: number;
}

export const newCacheCounters = (): CacheCounters => ({
  lookups: 0,
  hits: 0,
  jumpCacheHits: 0,
  translations: 0,
  retranslations: 0,
  translatedInstructions: 0,
  translatedBytes: 0,
  records: 0,
  links: 0,
  evictions: 0,
  invalidations: 0,
});
