import type { Line } from './device.ts';

/** A pin that leads nowhere. */
export const UNCONNECTED: Line = { set: () => {} };

/**
 * A shared wire, high while any of its inputs is: PCI INTx# sharing (asserted counts as high here), or the two
 * sources of the A20 gate.
 */
export class WiredOr {
  readonly #output: Line;
  #asserted = 0;

  constructor(output: Line) {
    this.#output = output;
  }

  /** Adds an input. @param level its level to begin with; the output is not driven for it */
  input(level = false): Line {
    let current = level;
    if (level) this.#asserted++;
    return {
      set: (next: boolean): void => {
        if (next === current) return;
        current = next;
        this.#asserted += next ? 1 : -1;
        if (next ? this.#asserted === 1 : this.#asserted === 0) this.#output.set(next);
      },
    };
  }
}

/** An AND gate: high while all of its inputs are. */
export class WiredAnd {
  readonly #output: Line;
  #low = 0;

  constructor(output: Line) {
    this.#output = output;
  }

  /** Adds an input. @param level its level to begin with; the output is not driven for it */
  input(level: boolean): Line {
    let current = level;
    if (!level) this.#low++;
    return {
      set: (next: boolean): void => {
        if (next === current) return;
        current = next;
        this.#low += next ? -1 : 1;
        if (next ? this.#low === 0 : this.#low === 1) this.#output.set(next);
      },
    };
  }
}
