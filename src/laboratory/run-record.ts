/** Everything that is known of one run, as plain data: what a report is made from. */
import type { KernelImage, Machine, MachineOptions, Outcome } from '../machine/machine.ts';
import type { Statistics } from '../machine/statistics.ts';
import { EVERY, PlaceSampler, type Places } from './places.ts';
import { type Sample, Sampler } from './samples.ts';

export interface RunRecord {
  /** The kernel, and its arguments. */
  readonly guest: string;
  readonly append?: string;
  /** What was asked for instead of the defaults. */
  readonly options: Pick<MachineOptions, (typeof told)[number]>;
  readonly outcome: Outcome;
  readonly statistics: Statistics;
  /** The counts in the course of the run, in order. */
  readonly samples: readonly Sample[];
  readonly places: Places;
  /** The end of what the guest sent to COM1; every byte a character. */
  readonly console: string;
}

/** Options that say what kind of run it was. */
const told = [
  'memory',
  'cpu',
  'engine',
  'cacheSize',
  'eviction',
  'chaining',
  'blockLength',
  'clock',
] as const;
/** Characters of the console that are kept. */
const CONSOLE = 1 << 14;

/** Records what a machine does from now on. */
export class RunRecorder {
  readonly #machine: Machine;
  readonly #image: KernelImage;
  readonly #sampler: Sampler;
  readonly #places: PlaceSampler;
  #console = '';

  /** @param machine with the image loaded */
  constructor(machine: Machine, image: KernelImage) {
    this.#machine = machine;
    this.#image = image;
    this.#sampler = new Sampler(machine);
    this.#places = new PlaceSampler(machine);
    this.#sampler.observe();
    machine.every(EVERY, () => {
      this.#sampler.observe();
      this.#places.look();
    });
  }

  /** The guest has sent a byte to COM1. */
  serial(byte: number): void {
    this.#console += String.fromCharCode(byte);
    if (this.#console.length > 2 * CONSOLE) this.#console = this.#console.slice(-CONSOLE);
  }

  finish(outcome: Outcome): RunRecord {
    const { name, append } = this.#image;
    const { options } = this.#machine;
    const given = told.filter((option) => options[option] !== undefined);
    return {
      guest: name,
      ...(append !== undefined && { append }),
      options: Object.fromEntries(given.map((option) => [option, options[option]])),
      outcome,
      statistics: this.#machine.statistics(),
      samples: this.#sampler.finish(),
      places: this.#places.finish(),
      console: this.#console.slice(-CONSOLE),
    };
  }
}
