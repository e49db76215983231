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

const keys = ['instructions', 'hits', 'misses', 'translatedInstructions'] as const;

/** Adds up what happens between each entry to such code and the exit from it. */
export class RewrittenCounter {
  readonly #counted: () => RewrittenCounts;
  readonly #total: RewrittenCounts = { instructions: 0, hits: 0, misses: 0, translatedInstructions: 0 };
  #before: RewrittenCounts | undefined;

  /** @param counted the counts of all code at this moment */
  constructor(counted: () => RewrittenCounts) {
    this.#counted = counted;
  }
  entered(): void {
    this.#before = this.#counted();
  }
  left(): void {
    Object.assign(this.#total, this.total);
    this.#before = undefined;
  }
  /** Up to this moment. */
  get total(): Readonly<RewrittenCounts> {
    const total = { ...this.#total };
    if (this.#before === undefined) return total;
    const now = this.#counted();
    for (const key of keys) total[key] += now[key] - this.#before[key];
    return total;
  }
}
