/** Runs a case in several ways and compares what is left. */
import type { Decoder } from '../../src/decoder/instruction.ts';
import type { Case } from './case.ts';
import { FuzzMachine } from './fuzz-machine.ts';
import { difference, type Remains } from './remains.ts';
import { counterpart, others, standard, type Variant } from './variants.ts';

/** Two ways to run one case. */
export interface Pair {
  readonly first: Variant;
  readonly second: Variant;
  /** Instructions granted at a time to the second. */
  readonly stride: number;
}

export interface Finding {
  readonly pair: Pair;
  /** What differs, or what was thrown. */
  readonly difference: string;
}

export const pairName = ({ first, second, stride }: Pair): string =>
  `${first.name} / ${second.name}${stride === Number.POSITIVE_INFINITY ? '' : ` in steps of ${stride}`}`;

/** The instruction counts at which states are compared. */
export const marksOf = ({ budget, fill }: Case): number[] =>
  fill & 0x10 ? [budget >> 2, budget >> 1, budget] : [budget];

export interface ContestOptions {
  readonly engines?: readonly string[];
  readonly techniques?: readonly string[];
}

export class Contest {
  readonly #decoder: Decoder;
  readonly #machines = new Map<string, FuzzMachine>();
  readonly #standard: Variant;
  readonly #counterparts: readonly Variant[];
  readonly #others: readonly Variant[];
  /** Instructions executed in all runs. */
  executed = 0;
  runs = 0;

  constructor(decoder: Decoder, { engines = [], techniques = [] }: ContestOptions = {}) {
    this.#decoder = decoder;
    const wanted = (v: Variant) =>
      (engines.length === 0 || engines.includes(v.engine)) &&
      (techniques.length === 0 || techniques.includes(v.technique));
    const all = [standard, counterpart, ...others].filter(wanted);
    this.#standard = all[0] ?? standard;
    this.#counterparts = all.filter((v) => v === counterpart && v !== this.#standard);
    this.#others = all.filter((v) => v !== this.#standard && v !== counterpart);
  }

  get machines(): Iterable<FuzzMachine> {
    return this.#machines.values();
  }
  #machine(variant: Variant, wide: boolean): FuzzMachine {
    const key = `${variant.name} ${wide}`;
    let machine = this.#machines.get(key);
    if (!machine) {
      machine = new FuzzMachine(variant, wide, this.#decoder);
      this.#machines.set(key, machine);
    }
    return machine;
  }
  #run(c: Case, variant: Variant, stride?: number): Remains {
    try {
      const remains = this.#machine(variant, c.wide).run(c, marksOf(c), stride);
      this.runs++;
      this.executed += remains.executed;
      for (let i = 1; i < remains.events.length; i += 5) {
        const vector = remains.events[i]!;
        this.#vectors.set(vector, (this.#vectors.get(vector) ?? 0) + 1);
      }
      return remains;
    } catch (error) {
      // What a guest does must never end in an exception of the host; the machine is not used again.
      this.#machines.delete(`${variant.name} ${c.wide}`);
      throw error;
    }
  }

  #vectors = new Map<number, number>();
  /** Exceptions by vector since this was last called. */
  takeVectors(): ReadonlyMap<number, number> {
    const taken = this.#vectors;
    this.#vectors = new Map();
    return taken;
  }

  /** @returns what differs between two runs */
  compare(c: Case, pair: Pair): string | undefined {
    return thrown(() => difference(this.#run(c, pair.first), this.#run(c, pair.second, pair.stride)));
  }

  /** The pairs a case is compared in. @param turn chooses among them; all where it is left out */
  #pairs(c: Case, turn?: number): Pair[] {
    const pair = (second: Variant, stride = Number.POSITIVE_INFINITY): Pair => ({
      first: this.#standard,
      second,
      stride,
    });
    const whole = this.#counterparts.map((v) => pair(v));
    // Single steps keep no translations: nothing that was made before can be wrong.
    const stepped = this.#counterparts.map((v) => pair(v, 1));
    if (!c.coherent) return whole;
    if (turn === undefined) return [...stepped, ...whole, ...this.#others.map((v) => pair(v))];
    const pairs = turn % 4 === 0 ? whole : stepped;
    const other = this.#others[weighted(turn, this.#others.length)];
    if (other) pairs.push(pair(other));
    return pairs;
  }

  /** Runs a case in some ways, or in all of them. @param turn see `#pairs` */
  check(c: Case, turn?: number): Finding | undefined {
    let first: Remains | undefined;
    for (const pair of this.#pairs(c, turn)) {
      const found = thrown(() => {
        first ??= this.#run(c, pair.first);
        return difference(first, this.#run(c, pair.second, pair.stride));
      });
      if (found !== undefined) return { pair, difference: found };
    }
    return undefined;
  }
}

/** An index below `length`, the lower the more often. */
const weighted = (turn: number, length: number): number => {
  if (length === 0) return 0;
  const x = (Math.imul(turn, 0x9e3779b1) >>> 8) / 2 ** 24;
  return Math.floor(x * x * length);
};

/** What a comparison says, or what it throws instead. */
const thrown = (compare: () => string | undefined): string | undefined => {
  try {
    return compare();
  } catch (error) {
    return `thrown: ${(error as Error).stack ?? error}`;
  }
};
