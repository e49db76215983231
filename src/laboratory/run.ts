/** One run of a guest under one technique, watched: its console, how it ended and where, its counts over time. */
import {
  type CreateOptions,
  createMachine,
  type KernelImage,
  LoadError,
  type Machine,
  MachineError,
  type RunLimits,
  type Statistics,
} from '../index.ts';
import { Seg } from '../x86/registers.ts';
import { SegmentField } from '../x86/state.ts';
import type { Place, RunEnd } from './comparison.ts';
import { ConsoleRecord } from './console-record.ts';
import { EVERY } from './places.ts';
import { type Sample, Sampler } from './samples.ts';

/** What to run; plain data, but for the bytes. */
export interface Experiment {
  /** With its variants. */
  readonly technique: string;
  readonly machine: Omit<CreateOptions, 'technique' | 'onSerial' | 'onDebugConsole' | 'onWarning'>;
  readonly image: KernelImage;
  readonly limits: RunLimits;
  /** Ends the run as soon as the console shows it. */
  readonly until?: string;
  /** Typed at COM1: from the start, or as soon as the console shows `inputAfter`. */
  readonly input?: string;
  readonly inputAfter?: string;
}

/** What a run came to; plain data. */
export interface RunReport {
  readonly technique: string;
  readonly end: RunEnd;
  readonly place: Place | null;
  readonly statistics: Statistics | null;
  readonly samples: readonly Sample[];
  /** What the guest sent to COM1 and the debug console, in order; a character is a byte. */
  readonly console: string;
  readonly warnings: readonly string[];
}

/** Host milliseconds between looks whether the guest waits for ever. */
const WAIT = 50;

const keys = (text: string): Uint8Array => new TextEncoder().encode(text);

const placeOf = ({ cpu }: Machine): Place => {
  const { eip } = cpu;
  const base = cpu.segment(Seg.CS, SegmentField.BASE);
  return { cs: cpu.selector(Seg.CS), eip: eip >>> 0, linear: (base + eip) >>> 0 };
};

export class GuestRun {
  readonly #experiment: Experiment;
  readonly #console = new ConsoleRecord();
  readonly #warnings: string[] = [];
  #machine: Machine | undefined;
  #sampler: Sampler | undefined;
  /** Why the run was stopped although the guest would go on. */
  #stopped: RunEnd | undefined;
  #instructionsAllowed = Number.POSITIVE_INFINITY;
  #typed = false;

  constructor(experiment: Experiment) {
    this.#experiment = experiment;
  }

  /** Runs to the end, whatever it is. Only a defect of this program throws. */
  async run(): Promise<RunReport> {
    try {
      const machine = await this.#boot();
      const waiting = setInterval(() => this.#endWait(machine), WAIT);
      const outcome = await machine.run(this.#experiment.limits).finally(() => clearInterval(waiting));
      return this.#report(outcome.kind === 'stopped' ? this.#stopped! : outcome);
    } catch (error) {
      if (error instanceof MachineError || error instanceof LoadError)
        return this.#report({ kind: 'refused', reason: error.message });
      throw error;
    }
  }
  /** How far it has come; zeros before it starts. */
  get progress(): { readonly instructions: number; readonly guestMilliseconds: number } {
    const machine = this.#machine;
    return machine
      ? { instructions: machine.processor.retired, guestMilliseconds: machine.clock.now() / 1e6 }
      : { instructions: 0, guestMilliseconds: 0 };
  }
  /** The reference has ended: this run may go on to so many instructions in all. */
  restrict(instructions: number): void {
    this.#instructionsAllowed = instructions;
  }
  /** Ends the run at the next instruction. */
  stop(end: RunEnd): void {
    this.#stopped ??= end;
    this.#machine?.stop();
  }

  async #boot(): Promise<Machine> {
    const { technique, machine: options, image, input, inputAfter } = this.#experiment;
    const machine = await createMachine({
      ...options,
      technique: technique as NonNullable<CreateOptions['technique']>,
      onSerial: (port, byte) => {
        if (port === 0) this.#print(byte);
      },
      onDebugConsole: (byte) => this.#print(byte),
      onWarning: (message) => this.#warnings.push(message),
    });
    machine.load(image);
    this.#machine = machine;
    this.#sampler = new Sampler(machine);
    this.#sampler.observe();
    machine.every(EVERY, () => this.#observe(machine));
    if (input !== undefined && inputAfter === undefined) machine.sendSerial(keys(input));
    if (this.#stopped) machine.stop();
    return machine;
  }
  #print(byte: number): void {
    const record = this.#console;
    const { until, input, inputAfter } = this.#experiment;
    record.put(byte);
    if (inputAfter !== undefined && !this.#typed && record.endsWith(inputAfter)) {
      this.#typed = true;
      this.#machine!.sendSerial(keys(input ?? ''));
    }
    if (until !== undefined && record.endsWith(until)) this.stop({ kind: 'reached' });
  }
  /** Every so many instructions. */
  #observe(machine: Machine): void {
    this.#sampler!.observe();
    if (machine.processor.retired >= this.#instructionsAllowed) this.stop({ kind: 'outlasted' });
  }
  /** Ends the run of a guest that waits for what only somebody at its keyboard could bring about. */
  #endWait({ halted, clock, processor }: Machine): void {
    if (halted && clock.deadline === Number.POSITIVE_INFINITY && !processor.wakes)
      this.stop({ kind: 'waiting' });
  }

  #report(end: RunEnd): RunReport {
    const machine = this.#machine;
    return {
      technique: this.#experiment.technique,
      end,
      place: machine ? placeOf(machine) : null,
      statistics: machine?.statistics() ?? null,
      samples: this.#sampler?.finish() ?? [],
      console: this.#console.text,
      warnings: this.#warnings,
    };
  }
}
