/** What is counted apart for code that a technique rewrites (Mode.REWRITE): on a real machine only it is translated. */
export interface RewrittenCounts {
  /** Instructions retired. */
  instructions: number;
  /** Lookups that found their block, and that did not. */
  hits: number;
  misses: number;
  /** Instructions translated to be kept. */
  translatedInstructions: number;
}

/** Adds up what happens between each entry to such code and the exit from it. That is often: nothing is allocated. */
export class RewrittenCounter {
  readonly #addCounts: (to: RewrittenCounts, sign: 1 | -1) => void;
  /** While in such code, less what was counted before it was entered. */
  readonly #total: RewrittenCounts = { instructions: 0, hits: 0, misses: 0, translatedInstructions: 0 };
  #inside = false;

  /** @param addCounts adds, or subtracts, the counts of all code at this moment */
  constructor(addCounts: (to: RewrittenCounts, sign: 1 | -1) => void) {
    this.#addCounts = addCounts;
  }
  entered(): void {
    // Behind a reset of the processor it may have been left without a word.
    if (this.#inside) return;
    this.#addCounts(this.#total, -1);
    this.#inside = true;
  }
  left(): void {
    this.#addCounts(this.#total, 1);
    this.#inside = false;
  }
  /** Up to this moment. */
  get total(): Readonly<RewrittenCounts> {
    const total = { ...this.#total };
    if (this.#inside) this.#addCounts(total, 1);
    return total;
  }
}
