/** What the processor counts. Figures of it are defined in machine/definitions.md. */
import type { TranslationCache } from '../cache/translation-cache.ts';
import { inCacheInstructions } from '../instructions/in-cache.ts';
import { numberedCallouts } from '../instructions/operands.ts';
import { HISTORY_STEP, State } from '../x86/state.ts';
import { RewrittenCounter } from './rewritten-counts.ts';

export class ProcessorCounters {
  /** Callouts executed on a guest's virtual state, by number: from rewritten code, and from code that runs directly. */
  readonly virtualCallouts = new Float64Array(numberedCallouts.length);
  readonly directCallouts = new Float64Array(numberedCallouts.length);
  /** Callouts that the processor itself executes, on its own state, by number: its long instructions. */
  readonly longInstructions = new Float64Array(numberedCallouts.length);
  /** Exceptions by vector, before any delivery, and of these the ones found while an instruction was emulated. */
  readonly faults = new Float64Array(256);
  readonly emulatedFaults = new Float64Array(256);
  /** Executions in the cache, by the index of `inCacheInstructions`. */
  readonly inCache = new Float64Array(inCacheInstructions.length);
  readonly rewritten: RewrittenCounter;
  blocksEntered = 0;
  interruptsTaken = 0;
  readonly #words: Int32Array;
  readonly #cache: TranslationCache;
  #blocksCollected = 0;

  /** @param retired instructions retired up to now */
  constructor(words: Int32Array, cache: TranslationCache, retired: () => number) {
    this.#words = words;
    this.#cache = cache;
    this.rewritten = new RewrittenCounter((to, sign) => {
      const { hits, misses, translatedInstructions } = cache.counters;
      to.instructions += sign * retired();
      to.hits += sign * (hits + this.#hits());
      to.misses += sign * misses;
      to.translatedInstructions += sign * translatedInstructions;
    });
  }

  /** Lookups that found their block and that the engine has counted since `collect`. */
  #hits(): number {
    return this.#words[State.LOOKUP_HITS >> 2]! >>> 0;
  }

  /** Adds what the engine counted to the totals. */
  collect(): void {
    const words = this.#words;
    const { counters } = this.#cache;
    const hits = this.#hits();
    counters.lookups += hits;
    counters.hits += hits;
    counters.jumpCacheHits += hits;
    words[State.LOOKUP_HITS >> 2] = 0;
    this.blocksEntered += ((words[State.BLOCKS >> 2]! - this.#blocksCollected) >>> 0) / HISTORY_STEP;
    this.#blocksCollected = words[State.BLOCKS >> 2]!;
    for (let i = 0; i < inCacheInstructions.length; i++) this.inCache[i]! += words[inCacheWord(i)]! >>> 0;
    this.#clearInCache();
  }
  #clearInCache(): void {
    this.#words.fill(0, inCacheWord(0), inCacheWord(inCacheInstructions.length));
  }

  /** The engine has executed one block since `collect` that is not to be counted. */
  takeBackBlock(): void {
    this.#words[State.BLOCKS >> 2]! -= HISTORY_STEP;
    this.#clearInCache();
  }
  /** The engine's own counts, all collected, start at zero again. */
  engineReset(): void {
    this.#blocksCollected = 0;
  }
}

const inCacheWord = (index: number): number => (State.IN_CACHE >> 2) + index;
