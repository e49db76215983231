/** The main counts of a run over virtual time, in a bounded number of snapshots. */
import type { Machine } from '../machine/machine.ts';
import { collectTotals, type Totals } from '../machine/statistics.ts';

/** Everything counted from the start of the run up to this moment. */
export interface Sample extends Totals {
  /** Virtual time since power-on. */
  readonly guestMilliseconds: number;
  /** Host time the machine has run; measured, the others are counted. */
  readonly hostMilliseconds: number;
  readonly instructions: number;
  readonly blocks: number;
  readonly lookups: number;
  readonly hits: number;
  readonly translations: number;
  readonly retranslations: number;
  readonly evictions: number;
  readonly invalidations: number;
  readonly interrupts: number;
}

/** Snapshots above which every second one is dropped. */
export const MOST_SAMPLES = 400;
/** Instructions between the first snapshots. */
const FIRST_INTERVAL = 1000;

/** Takes snapshots at growing intervals, so that short and long runs have between half of the most and the most. */
export class Sampler {
  readonly #machine: Machine;
  #samples: Sample[] = [];
  #interval = FIRST_INTERVAL;
  #due = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** To be called between slices; takes a snapshot when one is due. */
  observe(): void {
    if (this.#machine.processor.retired < this.#due) return;
    this.#take();
    if (this.#samples.length > MOST_SAMPLES) {
      this.#samples = this.#samples.filter((_, i) => i % 2 === 0);
      this.#interval *= 2;
    }
    this.#due = this.#machine.processor.retired + this.#interval;
  }
  #take(): void {
    const { processor, clock, hostMilliseconds } = this.#machine;
    const totals = collectTotals(this.#machine);
    const { lookups, hits, translations, retranslations, evictions, invalidations } =
      processor.cache.counters;
    this.#samples.push({
      guestMilliseconds: clock.now() / 1e6,
      hostMilliseconds,
      instructions: processor.retired,
      blocks: processor.counters.blocksEntered,
      lookups,
      hits,
      translations,
      retranslations,
      evictions,
      invalidations,
      interrupts: processor.counters.interruptsTaken,
      ...totals,
    });
  }

  /** All snapshots, the last one of now. */
  finish(): readonly Sample[] {
    if (this.#samples.at(-1)?.instructions !== this.#machine.processor.retired) this.#take();
    return this.#samples;
  }
}
