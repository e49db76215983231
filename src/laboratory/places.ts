/** Where a guest was: its EIP looked at from time to time. */
import type { Machine } from '../machine/machine.ts';
import { Seg } from '../x86/registers.ts';
import { SegmentField } from '../x86/state.ts';

/** How often the guest was found in one page of linear memory. */
export interface PageCounts {
  /** Linear address of the page. */
  readonly page: number;
  /** By interval; intervals behind the last one are empty. */
  readonly counts: readonly number[];
}

export interface Places {
  /** Instructions between two looks. */
  readonly every: number;
  /** Instructions in one interval; the last one may be shorter. */
  readonly interval: number;
  /** In ascending order of addresses. */
  readonly pages: readonly PageCounts[];
}

/**
 * Instructions between looks: close to the length of a slice, so that slices do not become shorter, and prime, so that no
 * loop of the guest keeps step with it.
 */
export const EVERY = 99_991;
const MOST_INTERVALS = 120;
/** The rarest pages are forgotten when there are more. */
const MOST_PAGES = 1 << 15;

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

/** However long the run, what is kept is bounded. */
export class PlaceSampler {
  readonly #machine: Machine;
  /** Looks in one interval, and so far. */
  #interval = 1;
  #looks = 0;
  #pages = new Map<number, number[]>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** To be called every EVERY instructions. */
  look(): void {
    const { cpu } = this.#machine;
    const linear = (cpu.eip + cpu.segment(Seg.CS, SegmentField.BASE)) >>> 0;
    const page = linear - (linear & 0xfff);
    if (this.#looks >= this.#interval * MOST_INTERVALS) this.#mergeIntervals();
    const at = Math.floor(this.#looks++ / this.#interval);
    let counts = this.#pages.get(page);
    if (!counts) {
      if (this.#pages.size >= MOST_PAGES) this.#forgetRare();
      counts = [];
      this.#pages.set(page, counts);
    }
    while (counts.length <= at) counts.push(0);
    counts[at]!++;
  }
  #mergeIntervals(): void {
    this.#interval *= 2;
    for (const [page, counts] of this.#pages) {
      const merged = Array.from(
        { length: Math.ceil(counts.length / 2) },
        (_, i) => counts[2 * i]! + (counts[2 * i + 1] ?? 0),
      );
      this.#pages.set(page, merged);
    }
  }
  #forgetRare(): void {
    const entries = [...this.#pages].sort(([, a], [, b]) => sum(b) - sum(a));
    this.#pages = new Map(entries.slice(0, MOST_PAGES / 2));
  }

  finish(): Places {
    return {
      every: EVERY,
      interval: EVERY * this.#interval,
      pages: [...this.#pages].sort(([a], [b]) => a - b).map(([page, counts]) => ({ page, counts })),
    };
  }
}
