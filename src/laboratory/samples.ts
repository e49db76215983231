/** The main counts of a run over virtual time, in a bounded number of snapshots. */
import type { Machine } from '../machine/machine.ts';

/** Everything counted from the start of the run up to this moment. */
export interface Sample {
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
  readonly callouts: number;
  readonly inCache: number;
  readonly traps: number;
  readonly hiddenPageFaults: number;
  readonly exits: number;
  readonly interrupts: number;
  readonly interventions: number;
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
    const s = this.#machine.statistics();
    const total = (counts: Readonly<Record<string, number>>) =>
      Object.values(counts).reduce((sum, n) => sum + n, 0);
    this.#samples.push({
      guestMilliseconds: s.guestMilliseconds,
      hostMilliseconds: s.hostMilliseconds,
      instructions: s.instructions,
      blocks: s.blocks,
      lookups: s.cache.lookups,
      hits: s.cache.hits,
      translations: s.cache.translations,
      retranslations: s.cache.retranslations,
      evictions: s.cache.evictions,
      invalidations: s.cache.invalidations,
      callouts: total(s.callouts),
      inCache: s.inCache,
      traps: total(s.traps),
      hiddenPageFaults: s.monitor?.hiddenPageFaults ?? 0,
      exits: total(s.exits),
      interrupts: s.interrupts,
      interventions: s.interventions,
    });
  }

  /** All snapshots, the last one of now. */
  finish(): readonly Sample[] {
    if (this.#samples.at(-1)?.instructions !== this.#machine.processor.retired) this.#take();
    return this.#samples;
  }
}
